//! What a device may say of its health.

use super::file;
use super::from;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Health;

/// The fields of the SMART / Health Information (Base 5.1.12.1.3) that a profile can limit, by their names.
pub const HEALTH: [&str; 21] = [
    "CW", "CTEMP", "AVSP", "AVSPT", "PUSED", "DUR", "DUW", "HRC", "HWC", "CBT", "PWRC", "POH",
    "UPL", "MDIE", "NEILE", "WCTT", "CCTT", "TMT1TC", "TMT2TC", "TTTMT1", "TTTMT2",
];

/// What one field may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HealthLimit {
    field: String,
    most: Option<u64>,
    least: Option<u64>,
    grows: Option<u64>,
    source: Option<String>,
}

impl HealthLimit {
    pub(super) fn add(
        limits: &mut Vec<Self>,
        limit: file::Health,
        document: &Document,
    ) -> Result<(), Mistake> {
        let file::Health { field, most, least, grows, source } = limit;
        let refuse = |what| Err(document.mistake(field.span(), what));
        let name = field.get_ref();
        if !HEALTH.contains(&&**name) {
            return refuse(format!(
                "`{name}` is no field of the SMART / Health Information; the fields are {}",
                HEALTH.join(", ")
            ));
        }
        if (most, least, grows) == (None, None, None) {
            return refuse(format!(
                "`{name}` has no limit; give `most`, `least` or `grows`, or delete it"
            ));
        }
        if most.zip(least).is_some_and(|(most, least)| most < least) {
            return refuse(format!(
                "nothing can be at most {} and at least {}",
                most.unwrap_or_default(),
                least.unwrap_or_default()
            ));
        }
        if limits.iter().any(|other| other.field == *name) {
            return refuse(format!("`{name}` is limited twice; write one table"));
        }
        limits.push(Self { field: name.clone(), most, least, grows, source });
        Ok(())
    }

    pub(super) fn breaches(&self, before: Option<&Health>, after: Option<&Health>) -> Vec<String> {
        let Self { field, most, least, grows, source } = self;
        let of = |health: Option<&Health>| health?.values.get(field).copied();
        let source = from(source);
        let Some(after) = of(after) else {
            return vec![format!("{field} is limited, and is not known after the tests{source}")];
        };
        let mut breaches = Vec::new();
        if let Some(most) = most.filter(|&most| most < after) {
            breaches.push(format!("{field} is {after}, and may be {most}{source}"));
        }
        if let Some(least) = least.filter(|&least| after < least) {
            breaches
                .push(format!("{field} is {after}, and has to be {least} at the least{source}"));
        }
        if let Some(grows) = grows {
            match of(before) {
                None => breaches
                    .push(format!("{field} is limited, and is not known before the tests{source}")),
                Some(before) if *grows < after.saturating_sub(before) => breaches.push(format!(
                    "{field} grew from {before} to {after}, and may grow by {grows}{source}"
                )),
                Some(_) => {}
            }
        }
        breaches
    }
}
