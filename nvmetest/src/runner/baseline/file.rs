//! A file of expected failures, as it is written down.

use serde::Deserialize;
use toml::Spanned;

use super::day::Day;
use super::firmware::Firmware;
use crate::document::Document;
use crate::document::Mistake;
use crate::results::Waiver;
use crate::runner::Verdict;

/// A file as TOML has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    model: Option<String>,
    device: Option<String>,
    firmware: Option<Spanned<toml::Value>>,
    #[serde(default)]
    expected: Vec<EntryText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    test: Spanned<String>,
    verdict: Spanned<Verdict>,
    clause: String,
    reason: String,
    link: Option<String>,
    expires: Option<Spanned<toml::Value>>,
    firmware: Option<Spanned<toml::Value>>,
    device: Option<String>,
    #[serde(default)]
    unexplained: bool,
}

/// A file of expected failures.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    /// What a device has to be for any of it to apply.
    pub(crate) scope: Scope,
    /// In the order of the file.
    pub(crate) entries: Vec<Entry>,
}

/// An expected failure.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) test: String,
    pub(crate) waiver: Waiver,
    /// The last day on which it holds.
    pub(crate) expires: Option<Day>,
    /// Nobody has said yet why it is so.
    pub(crate) unexplained: bool,
    pub(crate) scope: Scope,
    /// Where it is, for what is found out later.
    pub(super) place: Mistake,
}

/// Which devices something is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// The model number begins so.
    model: Option<String>,
    /// The URI begins so.
    device: Option<String>,
    pub(crate) firmware: Option<Firmware>,
}

impl File {
    /// Reads a file. Each entry has to be for a test that `exists`.
    pub(crate) fn parse(
        document: &Document,
        exists: impl Fn(&str) -> bool,
    ) -> Result<Self, Mistake> {
        let text: Text = document.parse()?;
        let firmware = |value: Option<Spanned<toml::Value>>| {
            let Some(value) = value else { return Ok(None) };
            let refuse = |what| document.mistake(value.span(), what);
            Firmware::of(value.get_ref()).map(Some).map_err(refuse)
        };
        let scope =
            Scope { model: text.model, device: text.device, firmware: firmware(text.firmware)? };
        let mut entries = Vec::new();
        for entry in text.expected {
            let refuse = |span, what: String| document.mistake(span, what);
            let (test, verdict) = (entry.test.get_ref(), *entry.verdict.get_ref());
            if !exists(test) {
                let what =
                    format!("there is no test `{test}`; delete the entry or correct the name");
                return Err(refuse(entry.test.span(), what));
            }
            if !verdict.is_failure() {
                let what = format!(
                    "`{test}` expects {verdict}, which is no failure; write Fail, Crash, Timeout or DutLost"
                );
                return Err(refuse(entry.verdict.span(), what));
            }
            let expires = match &entry.expires {
                None => None,
                Some(value) => {
                    let day = match value.get_ref() {
                        toml::Value::String(text) => text.parse(),
                        value => value.to_string().parse(),
                    };
                    Some(day.map_err(|what| refuse(value.span(), what))?)
                }
            };
            let place = document.mistake(entry.test.span(), "");
            let firmware = firmware(entry.firmware)?;
            entries.push(Entry {
                test: entry.test.into_inner(),
                waiver: Waiver {
                    verdict,
                    clause: entry.clause,
                    reason: entry.reason,
                    link: entry.link,
                    expires: expires.map(|day: Day| day.to_string()),
                },
                expires,
                unexplained: entry.unexplained,
                scope: Scope { model: None, device: entry.device, firmware },
                place,
            });
        }
        Ok(Self { scope, entries })
    }
}

impl Scope {
    /// Returns whether it is for a device with this URI, model number and firmware revision.
    pub(crate) fn is_for(&self, uri: &str, model: &str, firmware: &str) -> bool {
        let begins = |text: &str, start: &Option<String>| {
            start.as_ref().is_none_or(|start| text.starts_with(start))
        };
        begins(uri, &self.device)
            && begins(model, &self.model)
            && self.firmware.as_ref().is_none_or(|it| it.matches(firmware))
    }

    /// Returns whether there can be a device that all of these are for.
    pub(super) fn overlap(scopes: &[&Self]) -> bool {
        let agree = |part: fn(&Self) -> &Option<String>| {
            let starts: Vec<&str> = scopes.iter().filter_map(|it| part(it).as_deref()).collect();
            let longest = starts.iter().max_by_key(|start| start.len());
            longest.is_none_or(|longest| starts.iter().all(|start| longest.starts_with(start)))
        };
        let firmware: Vec<&Firmware> =
            scopes.iter().filter_map(|scope| scope.firmware.as_ref()).collect();
        let common = |sample: String| firmware.iter().all(|it| it.matches(&sample));
        agree(|scope| &scope.model)
            && agree(|scope| &scope.device)
            && (firmware.is_empty() || firmware.iter().flat_map(|it| it.samples()).any(common))
    }
}
