//! Plots as pictures within the page.

use maud::Markup;
use maud::html;

use super::text::Said;
use super::text::figure;
use super::text::latency;

/// The size of a plot, in its own units; the page scales it.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;

/// A line of a plot: its name, and its points from left to right.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// So many lines can be told apart, by their dashes and the names at their ends.
pub(super) const SERIES: usize = 6;

/// Three years: no latency is drawn longer.
const LONGEST_NS: f64 = 1e17;

/// Draws latencies over percentiles: what is rare is at the right, where each nine takes as much room as the last.
pub(super) fn percentiles(label: &str, series: &[Series<'_>]) -> Markup {
    let nines = |percentile: f64| -((100.0 - percentile).max(1e-5) / 100.0).log10();
    let points = || series.iter().flat_map(|series| &series.points);
    let right = points().map(|point| nines(point.0)).fold(1.0, f64::max);
    // A file of results may say anything; what no clock shows gets no room.
    let sane = |ns: f64| if ns.is_finite() { ns.clamp(1.0, LONGEST_NS) } else { 1.0 };
    let low = points().map(|point| sane(point.1)).fold(LONGEST_NS, f64::min).log10().floor();
    let high = points().map(|point| sane(point.1)).fold(1.0, f64::max).log10();
    let high = high.ceil().max(low + 1.0);
    let x = |percentile: f64| LEFT + nines(percentile) / right * (WIDTH - LEFT - RIGHT);
    let y = |ns: f64| {
        HEIGHT - BOTTOM - (sane(ns).log10() - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
    };
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];
    let across =
        ticks.iter().filter(|&&it| nines(it) <= right + 1e-9).map(|&it| (x(it), format!("{it}")));
    let up =
        (low as i32..=high as i32).map(|power| 10_f64.powi(power)).map(|ns| (y(ns), latency(ns)));
    frame(label, across.collect(), "percentile", up.collect(), series, &x, &y)
}

/// Draws a rate over time.
pub(super) fn rate(label: &str, unit: &str, series: &[Series<'_>]) -> Markup {
    let points = || series.iter().flat_map(|series| &series.points);
    let most = |of: fn(&(f64, f64)) -> f64| {
        points().map(of).filter(|it| it.is_finite()).fold(1.0, f64::max)
    };
    let right = most(|point| point.0);
    let high = nice(most(|point| point.1));
    let x = |seconds: f64| LEFT + seconds / right * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / high * (HEIGHT - TOP - BOTTOM);
    let across = (0..=4).map(|part| right * f64::from(part) / 4.0);
    let up = (0..=4).map(|part| high * f64::from(part) / 4.0);
    let across = across.map(|it| (x(it), figure(it)));
    let up = up.map(|it| (y(it), figure(it)));
    frame(label, across.collect(), unit, up.collect(), series, &x, &y)
}

/// Returns a round number that is not less.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|it| value <= *it).unwrap_or(value)
}

/// Draws the axes, the lines, and their names.
fn frame(
    label: &str,
    across: Vec<(f64, String)>,
    unit: &str,
    up: Vec<(f64, String)>,
    series: &[Series<'_>],
    x: &dyn Fn(f64) -> f64,
    y: &dyn Fn(f64) -> f64,
) -> Markup {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(Said::name(label)) {
            g.grid {
                @for (y, text) in &up {
                    line x1=(LEFT) x2=(right) y1=(one(*y)) y2=(one(*y)) {}
                    text.y x=(LEFT - 6.0) y=(one(*y + 4.0)) { (text) }
                }
                @for (x, text) in &across {
                    line x1=(one(*x)) x2=(one(*x)) y1=(TOP) y2=(bottom) {}
                    text.x x=(one(*x)) y=(bottom + 15.0) { (text) }
                }
                text.x x=((LEFT + right) / 2.0) y=(HEIGHT - 5.0) { (unit) }
            }
            @for (index, series) in series.iter().take(SERIES).enumerate() {
                g class={ "s" (index) } {
                    path d=(path(series, x, y)) { title { (Said::name(series.name)) } }
                    @if let Some(end) = series.points.last() {
                        text.name x=(one(x(end.0) + 5.0)) y=(one(label_y(series, index, y))) { (Said::name(series.name)) }
                    }
                }
            }
        }
    }
}

/// Names that would stand on each other stand one line lower each.
fn label_y(series: &Series<'_>, index: usize, y: &dyn Fn(f64) -> f64) -> f64 {
    let end = series.points.last().map_or(0.0, |end| y(end.1));
    (end + 4.0 + 6.0 * index as f64).clamp(TOP + 8.0, HEIGHT - BOTTOM)
}

fn path(series: &Series<'_>, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (index, point) in series.points.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        path += &format!("{letter}{} {}", one(x(point.0)), one(y(point.1)));
    }
    path
}

/// One digit behind the point is a tenth of a pixel; what is no number stands at the edge.
fn one(value: f64) -> f64 {
    if value.is_finite() { (value.clamp(-1e4, 1e4) * 10.0).round() / 10.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_are_none_make_no_broken_picture() {
        let points = vec![(f64::NAN, f64::INFINITY), (-5.0, -1.0), (1e300, 0.0), (101.0, 5.0)];
        let series = [Series { name: "Read", points }];
        for picture in [percentiles("p", &series), rate("r", "s", &series), rate("r", "s", &[])] {
            let text = picture.into_string();
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }

    #[test]
    fn each_nine_takes_as_much_room_as_the_last() {
        let points = vec![(90.0, 10.0), (99.0, 100.0), (99.9, 1000.0)];
        let text = percentiles("p", &[Series { name: "Read", points }]).into_string();
        let path = text.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        let x: Vec<f64> = path
            .split(['M', 'L'])
            .skip(1)
            .map(|point| point.split(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!((x[1] - x[0] - (x[2] - x[1])).abs() < 0.2, "{x:?}");
    }
}
