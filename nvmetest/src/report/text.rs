//! Text and figures as the page shows them.

use std::fmt::Write;

use maud::Escaper;
use maud::Render;

/// What a device, a file or a test said. It stands on the page as text, whatever is in it.
///
/// What a terminal or a browser would obey (control characters, changes of the direction of writing) is shown as its
/// number, and what is longer than it may be is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    text: &'a str,
    max: usize,
    lines: bool,
}

/// The bytes of a name.
const NAME: usize = 400;

/// The bytes of a line that stands for a text.
const LINE: usize = 240;

impl<'a> Said<'a> {
    /// A text in one line, such as a name.
    pub(super) fn name(text: &'a str) -> Self {
        Self { text, max: NAME, lines: false }
    }

    /// The first line of a text.
    pub(super) fn first_line(text: &'a str) -> Self {
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        Self { max: LINE, ..Self::name(line) }
    }

    /// A text of several lines, of at most `max` bytes.
    pub(super) fn lines(text: &'a str, max: usize) -> Self {
        Self { text, max, lines: true }
    }

    fn is_obeyed(self, c: char) -> bool {
        let direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        direction
            || c == '\u{feff}'
            || (c.is_control() && !(self.lines && matches!(c, '\n' | '\t')))
    }
}

impl Render for Said<'_> {
    fn render_to(&self, page: &mut String) {
        let end = self.text.floor_char_boundary(self.max);
        let mut page = Escaper::new(page);
        for c in self.text[..end].chars() {
            let _ = match self.is_obeyed(c) {
                true => write!(page, "\\u{{{:x}}}", u32::from(c)),
                false => page.write_char(c),
            };
        }
        if end < self.text.len() {
            let _ = write!(page, "… and {} bytes more", self.text.len() - end);
        }
    }
}

/// Returns a time in a unit that suits it.
pub(super) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        1_000_000..60_000_000 => format!("{:.2} s", us as f64 / 1e6),
        60_000_000..3_600_000_000 => {
            format!("{} min {:02} s", us / 60_000_000, us / 1_000_000 % 60)
        }
        _ => format!("{} h {:02} min", us / 3_600_000_000, us / 60_000_000 % 60),
    }
}

/// Returns a latency in a unit that suits it.
pub(super) fn latency(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.1} µs", ns / 1e3),
        ..1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

/// Returns a figure with as many digits as a reader needs.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        1e15.. => format!("{value:.3e}"),
        1000.0.. => grouped(value.round() as i64),
        10.0.. => trimmed(format!("{value:.1}")),
        _ => trimmed(format!("{value:.3}")),
    }
}

/// Returns a whole number in groups of three digits.
pub(super) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = if value < 0 { "−".to_owned() } else { String::new() };
    for (index, digit) in digits.char_indices() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            // A space that does not break and is as narrow as a comma.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns a number and a noun: `1 test`, `2 tests`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number as i64), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_text_whatever_it_is() {
        let shown = |text| Said::name(text).render().into_string();
        assert_eq!(shown("</td><script>\"'&"), "&lt;/td&gt;&lt;script&gt;&quot;'&amp;");
        assert_eq!(shown("a\u{1b}[31m\nb\u{202e}c"), r"a\u{1b}[31m\u{a}b\u{202e}c");
        assert_eq!(Said::lines("a\n\tb\0", 9).render().into_string(), "a\n\tb\\u{0}");
        assert_eq!(Said::lines("äöü", 3).render().into_string(), "ä… and 4 bytes more");
    }

    #[test]
    fn figures_have_the_digits_that_a_reader_needs() {
        assert_eq!([duration(999), duration(61_000_000)], ["999 µs", "1 min 01 s"]);
        assert_eq!([latency(12_345.0), latency(2.5e9)], ["12.3 µs", "2.50 s"]);
        assert_eq!([figure(0.5), figure(12.0), figure(f64::NAN)], ["0.5", "12", "NaN"]);
        assert_eq!(figure(1_234_567.2), "1\u{202f}234\u{202f}567");
        assert_eq!([grouped(-12), grouped(1_000)], ["−12", "1\u{202f}000"]);
    }
}
