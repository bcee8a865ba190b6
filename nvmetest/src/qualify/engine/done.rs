//! What an earlier part of a run did.

use std::collections::HashMap;

use crate::results::Mode;
use crate::results::Results;
use crate::runner::Verdict;

/// What was planned on which device, and the verdicts of its attempts.
#[derive(Debug)]
pub(super) struct Done {
    planned: HashMap<(Option<u32>, String), Vec<Verdict>>,
}

impl Done {
    pub(super) fn of(results: &Results) -> Self {
        let planned = results.outcomes().into_iter().map(|outcome| {
            let verdicts = outcome.attempts.iter().map(|attempt| attempt.verdict).collect();
            ((outcome.planned.device, outcome.planned.test.clone()), verdicts)
        });
        Self { planned: planned.collect() }
    }

    pub(super) fn is_planned(&self, device: Option<u32>, test: &str) -> bool {
        self.verdicts(device, test).is_some()
    }

    /// Returns the attempt that is to be made next, if one is.
    pub(super) fn next(&self, device: Option<u32>, test: &str, mode: Mode) -> Option<u32> {
        match (self.verdicts(device, test).unwrap_or_default(), mode) {
            ([], _) => Some(1),
            ([only], Mode::Ci) if only.is_as_expected() => None,
            // The run was killed before it could run it again.
            ([Verdict::Blocked], Mode::Ci) => None,
            ([_], Mode::Ci) => Some(2),
            _ => None,
        }
    }

    fn verdicts(&self, device: Option<u32>, test: &str) -> Option<&[Verdict]> {
        self.planned.get(&(device, test.to_owned())).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_verdict_is_run_and_what_was_to_be_run_again_too() {
        let lines = r#"
            {"kind":"run","schema":1,"id":"r","tool":"0","suite":{"name":"s","tests":1,"hash":"0"},"profile":"p","mode":"ci","seed":1,"host":"h","command":[],"started_ms":0}
            {"kind":"test","device":0,"test":"a","area":"a","file":"a.rs","line":1}
            {"kind":"test","device":0,"test":"b","area":"b","file":"a.rs","line":2}
            {"kind":"test","device":0,"test":"c","area":"c","file":"a.rs","line":3}
            {"kind":"attempt","device":0,"test":"a","attempt":1,"verdict":"Pass","found":"Pass","started_ms":0,"took_us":1}
            {"kind":"attempt","device":0,"test":"b","attempt":1,"verdict":"Fail","found":"Fail","started_ms":0,"took_us":1}
        "#;
        let done = Done::of(&Results::parse(lines).unwrap());
        let next = |test, mode| done.next(Some(0), test, mode);
        assert_eq!([next("a", Mode::Ci), next("b", Mode::Ci), next("c", Mode::Ci)], [None, Some(2), Some(1)]);
        assert_eq!(next("b", Mode::Certify), None);
        assert!(done.is_planned(Some(0), "c") && !done.is_planned(Some(1), "c"));
    }
}
