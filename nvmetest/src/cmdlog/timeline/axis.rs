//! Time as a place, with the long pauses cut out.

/// How many pauses are cut out at most.
const CUTS_MAX: usize = 6;

/// The width of a pause that was cut out, as a part of the picture.
const CUT_WIDTH: f64 = 0.04;

/// Maps times to places; see the [module](super).
#[derive(Debug)]
pub(in crate::cmdlog) struct Axis {
    pieces: Vec<Piece>,
}

/// A piece of the time, drawn to scale or cut out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cmdlog) struct Piece {
    pub(in crate::cmdlog) from_ns: u64,
    pub(in crate::cmdlog) to_ns: u64,
    /// Where it starts.
    pub(in crate::cmdlog) x: f64,
    pub(in crate::cmdlog) width: f64,
    pub(in crate::cmdlog) is_cut: bool,
}

impl Axis {
    /// Makes the axis of a picture of `width`, of which `times` are what happens, in their order.
    pub(super) fn new(times: &[u64], width: f64) -> Self {
        let (first, last) = match times {
            [] => (0, 0),
            [only] => (*only, *only),
            [first, .., last] => (*first, *last),
        };
        let cuts = cuts(times);
        let cut_ns: u64 = cuts.iter().map(|(from, to)| to - from).sum();
        let cut_width = width * CUT_WIDTH;
        let scaled_ns = (last - first - cut_ns).max(1) as f64;
        let scale = (width - cut_width * cuts.len() as f64) / scaled_ns;

        let mut pieces = Vec::new();
        let (mut at_ns, mut x) = (first, 0.0);
        let mut push = |from_ns: u64, to_ns: u64, is_cut: bool| {
            let width = if is_cut { cut_width } else { (to_ns - from_ns) as f64 * scale };
            pieces.push(Piece { from_ns, to_ns, x, width, is_cut });
            x += width;
        };
        for (from, to) in cuts {
            push(at_ns, from, false);
            push(from, to, true);
            at_ns = to;
        }
        push(at_ns, last, false);
        Self { pieces }
    }

    /// Returns where a time is; one outside of the picture is at its border.
    pub(in crate::cmdlog) fn x(&self, at_ns: u64) -> f64 {
        let after = self.pieces.partition_point(|piece| piece.from_ns <= at_ns);
        let Some(piece) = self.pieces.get(after.saturating_sub(1)) else { return 0.0 };
        let whole = (piece.to_ns - piece.from_ns).max(1) as f64;
        let part = at_ns.clamp(piece.from_ns, piece.to_ns) - piece.from_ns;
        piece.x + piece.width * (part as f64 / whole)
    }

    pub(in crate::cmdlog) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(in crate::cmdlog) fn first_ns(&self) -> u64 {
        self.pieces.first().map_or(0, |piece| piece.from_ns)
    }

    pub(in crate::cmdlog) fn last_ns(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.to_ns)
    }

    /// Returns times for labels: those of the pieces that are to scale, about one on each `apart`.
    pub(in crate::cmdlog) fn ticks(&self, apart: f64) -> Vec<u64> {
        let mut ticks = Vec::new();
        for piece in self.pieces.iter().filter(|piece| !piece.is_cut) {
            let span = piece.to_ns - piece.from_ns;
            let step = round_step(span as f64 * apart / piece.width.max(1.0));
            let start = self.first_ns();
            // Round distances from the start of the picture, which is where its time is 0.
            let mut next = (piece.from_ns - start).checked_next_multiple_of(step);
            while let Some(offset) = next
                && offset <= piece.to_ns - start
                && apart <= piece.width
            {
                ticks.push(start + offset);
                next = offset.checked_add(step);
            }
        }
        ticks
    }
}

/// Returns the pauses that are as long as all that is left without them, twice, in the order of time.
fn cuts(times: &[u64]) -> Vec<(u64, u64)> {
    let mut pauses: Vec<(u64, u64)> =
        times.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| from < to).collect();
    pauses.sort_by_key(|(from, to)| std::cmp::Reverse(to - from));
    let length = |(from, to): (u64, u64)| u128::from(to - from);
    let mut rest: u128 = pauses.iter().map(|pause| length(*pause)).sum();
    let mut count = 0;
    for (index, pause) in pauses.iter().take(CUTS_MAX).enumerate() {
        rest -= length(*pause);
        if rest != 0 && 2 * rest <= length(*pause) {
            count = index + 1;
        }
    }
    pauses.truncate(count);
    pauses.sort_unstable();
    pauses
}

/// Returns the next of 1, 2, 5, 10, 20 ... that is not less.
fn round_step(at_least: f64) -> u64 {
    let mut power: u64 = 1;
    while (power as f64) * 10.0 <= at_least && power < u64::MAX / 100 {
        power *= 10;
    }
    [1, 2, 5]
        .map(|digit| power * digit)
        .into_iter()
        .find(|step| at_least <= *step as f64)
        .unwrap_or(power * 10)
}
