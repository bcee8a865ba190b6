//! Marks: what the host did besides commands, in the order of time.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::fence;

use super::Shared;
use super::layout::MARK;
use super::layout::header;

/// A line that the host put into the log, for example where a test starts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// When, CLOCK_MONOTONIC in ns.
    pub at_ns: u64,
    /// The process that wrote it.
    pub process: u32,
    /// What it says; the first 208 bytes of a longer text.
    pub text: String,
}

/// The words of a mark.
const STAMP: usize = 0;
const AT_NS: usize = 1;
const ORIGIN: usize = 2;
const CHECK: usize = 3;
const TEXT: usize = 4;

const TEXT_MAX: usize = 208;
const BODY: usize = TEXT_MAX / 8;

const _: () = assert!(TEXT * 8 + TEXT_MAX <= MARK);

pub(super) fn write(shared: &Shared, text: &str, at_ns: u64) {
    let text = &text[..text.floor_char_boundary(TEXT_MAX)];
    let mut bytes = [0; TEXT_MAX];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    let body: [u64; BODY] =
        std::array::from_fn(|index| u64::from_ne_bytes(bytes.as_chunks().0[index]));
    let origin = u64::from(std::process::id()) | (text.len() as u64) << 32;

    // Several threads and processes write marks: each has a number of its own. Two of them share a
    // place only if one sleeps while all others are written; then the check tells.
    let sequence = shared.mapping.long(header::MARK_COUNT).fetch_add(1, Relaxed).wrapping_add(1);
    let words = words(shared, sequence);
    words[STAMP].store(0, Relaxed);
    fence(Release);
    words[AT_NS].store(at_ns, Relaxed);
    words[ORIGIN].store(origin, Relaxed);
    words[CHECK].store(check(sequence, at_ns, origin, &body), Relaxed);
    for (word, value) in words[TEXT..].iter().zip(body) {
        word.store(value, Relaxed);
    }
    words[STAMP].store(sequence, Release);
}

/// Returns all marks that are whole, the oldest first.
pub(super) fn read_all(shared: &Shared) -> Vec<Mark> {
    let count = shared.mapping.long(header::MARK_COUNT).load(Acquire);
    let kept = count.min(u64::from(shared.layout.geometry.marks));
    (count - kept + 1..=count).filter_map(|sequence| read(shared, sequence)).collect()
}

fn read(shared: &Shared, sequence: u64) -> Option<Mark> {
    let words = words(shared, sequence);
    if words[STAMP].load(Acquire) != sequence {
        return None;
    }
    let word = |index: usize| words[index].load(Relaxed);
    let (at_ns, origin) = (word(AT_NS), word(ORIGIN));
    let body: [u64; BODY] = std::array::from_fn(|index| word(TEXT + index));
    if word(CHECK) != check(sequence, at_ns, origin, &body) {
        return None;
    }
    let bytes: Vec<u8> = body.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let len = ((origin >> 32) as usize).min(TEXT_MAX);
    let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
    Some(Mark { at_ns, process: origin as u32, text })
}

fn check(sequence: u64, at_ns: u64, origin: u64, body: &[u64; BODY]) -> u64 {
    let words = [sequence, at_ns, origin].into_iter().chain(body.iter().copied());
    words.fold(1, |check: u64, word| {
        (check.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

fn words(shared: &Shared, sequence: u64) -> &[AtomicU64; MARK / 8] {
    shared.mapping.longs(shared.layout.mark(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdlog::CmdLog;

    #[test]
    fn a_mark_that_two_writers_mixed_up_is_not_shown() {
        let log = CmdLog::new(Default::default()).unwrap();
        log.mark("first");
        log.mark("second");

        words(&log.0, 1)[TEXT].store(u64::from_ne_bytes(*b"sirst\0\0\0"), Relaxed);

        let texts: Vec<String> = log.marks().into_iter().map(|mark| mark.text).collect();
        assert_eq!(texts, ["second"]);
    }
}
