//! What an earlier part of a run did.

use std::collections::HashMap;

use crate::qualify::profile::Profile;
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
    pub(super) fn next(&self, device: Option<u32>, test: &str, profile: &Profile) -> Option<u32> {
        let verdicts = self.verdicts(device, test).unwrap_or_default();
        let made = u32::try_from(verdicts.len()).unwrap_or(u32::MAX);
        let wants = verdicts.last().is_none_or(|last| wants_another(*last, made, profile));
        wants.then_some(made.saturating_add(1))
    }

    fn verdicts(&self, device: Option<u32>, test: &str) -> Option<&[Verdict]> {
        self.planned.get(&(device, test.to_owned())).map(Vec::as_slice)
    }
}

/// Whether there is to be another attempt after `made` of them, of which the last had this verdict.
pub(super) fn wants_another(last: Verdict, made: u32, profile: &Profile) -> bool {
    // What was not run is not run by trying.
    if matches!(last, Verdict::Blocked | Verdict::Skipped) {
        return false;
    }
    let retries = if last.is_as_expected() { 0 } else { profile.retries };
    made < profile.repeats.saturating_add(retries)
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
        let listed = crate::qualify::profile::Listed { name: "a".to_owned(), ignored: None };
        let mut profile = Profile::load("default", &[listed]).unwrap();
        let next = |test, profile: &Profile| done.next(Some(0), test, profile);
        assert_eq!(["a", "b", "c"].map(|test| next(test, &profile)), [None, Some(2), Some(1)]);
        profile.retries = 0;
        assert_eq!(["a", "b", "c"].map(|test| next(test, &profile)), [None, None, Some(1)]);
        profile.repeats = 3;
        assert_eq!(["a", "b", "c"].map(|test| next(test, &profile)), [Some(2), Some(2), Some(1)]);
        assert!(done.is_planned(Some(0), "c") && !done.is_planned(Some(1), "c"));
    }
}
