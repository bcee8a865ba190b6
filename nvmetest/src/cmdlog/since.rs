//! The commands since a moment, without a look at the rest of the log.

use std::collections::HashMap;
use std::sync::Arc;

use super::CmdLog;
use super::Record;
use super::ring;
use super::site;

impl CmdLog {
    /// Calls `visit` with each command that the log still has and that was submitted from `since_ns` on (CLOCK_MONOTONIC): of
    /// each queue the newest first, one queue after the other.
    ///
    /// It costs what there is since then: older commands of a queue stand behind the newer ones, and are not looked at.
    pub(crate) fn each_since(&self, since_ns: u64, mut visit: impl FnMut(Record)) {
        let mut sites = HashMap::new();
        for ring in 0..self.geometry().rings {
            ring::visit(&self.0, ring, |token, entry| {
                if entry.submitted_ns < since_ns {
                    return false;
                }
                let site = sites
                    .entry(entry.origin.site)
                    .or_insert_with_key(|site| site::read(&self.0, *site).map(Arc::new));
                visit(Record::new(token, entry, site.clone()));
                true
            });
        }
    }
}
