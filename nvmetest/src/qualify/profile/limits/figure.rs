//! What a figure that tests measure may be, at most or at least.

use super::file;
use super::from;
use crate::document::Document;
use crate::document::Mistake;
use crate::qualify::profile::Listed;
use crate::qualify::profile::pattern::Pattern;
use crate::results::Attempt;
use crate::results::Measurement;
use crate::results::Results;

/// The figure of a test with IOWorkers: how many commands a second the slowest of them completed.
const IOPS: &str = "iops";

/// What a figure may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FigureLimit {
    name: String,
    /// The tests of which it is; without any, all.
    tests: Vec<Pattern>,
    most: Option<f64>,
    least: Option<f64>,
    source: Option<String>,
}

impl FigureLimit {
    pub(super) fn add(
        limits: &mut Vec<Self>,
        limit: file::Figure,
        document: &Document,
        known: Option<&[Listed]>,
    ) -> Result<(), Mistake> {
        let file::Figure { name, tests, most, least, source } = limit;
        let refuse = |what| Err(document.mistake(name.span(), what));
        let text = name.get_ref();
        for pattern in &tests {
            let exists =
                known.is_none_or(|them| them.iter().any(|it| pattern.get_ref().matches(&it.name)));
            if !exists {
                let what = format!(
                    "no test matches `{}`; delete it or correct the name",
                    pattern.get_ref()
                );
                return Err(document.mistake(pattern.span(), what));
            }
        }
        match (most, least) {
            (None, None) => {
                return refuse(format!(
                    "`{text}` has no limit; give `most` or `least`, or delete it"
                ));
            }
            (Some(most), Some(least)) if most < least => {
                return refuse(format!("nothing can be at most {most} and at least {least}"));
            }
            _ if most.into_iter().chain(least).any(|limit| !limit.is_finite()) => {
                return refuse(format!("the limit of `{text}` is no number; give one"));
            }
            _ => {}
        }
        let tests: Vec<Pattern> = tests.into_iter().map(toml::Spanned::into_inner).collect();
        if limits.iter().any(|other| other.name == *text && other.tests == tests) {
            return refuse(format!(
                "`{text}` is limited twice for the same tests; write one table"
            ));
        }
        limits.push(Self { name: text.clone(), tests, most, least, source });
        Ok(())
    }

    /// Whether it limits the figures of this test.
    pub(super) fn is_about(&self, test: &str) -> bool {
        self.tests.is_empty() || self.tests.iter().any(|pattern| pattern.matches(test))
    }

    /// Adds the rate of the slowest worker to what was measured, if that is the figure.
    pub(super) fn take_from_workers(&self, attempt: &mut Attempt) {
        if self.name != IOPS || attempt.measured.iter().any(|measured| measured.name == IOPS) {
            return;
        }
        let rates = attempt.workers.iter().map(|worker| worker.iops);
        if let Some(value) = rates.min_by(f64::total_cmp) {
            let (name, unit) = (IOPS.to_owned(), "IOPS".to_owned());
            attempt.measured.push(Measurement { name, value, unit, limit: None, at_least: None });
        }
    }

    /// Puts the limit beside the figures that it is of, and says which of them are beyond it.
    pub(super) fn sentences(&self, attempt: &mut Attempt) -> Vec<String> {
        let Self { name, most, least, source, .. } = self;
        let mut sentences = Vec::new();
        for measured in attempt.measured.iter_mut().filter(|measured| measured.name == *name) {
            let Measurement { value, unit, .. } = &*measured;
            let is = format!("{name} is {value} {unit}");
            let source = from(source);
            if let Some(most) = most.filter(|most| most < value) {
                sentences.push(format!("{is}, and may be {most} {unit}{source}"));
            }
            if let Some(least) = least.filter(|least| value < least) {
                sentences.push(format!("{is}, and has to be {least} {unit} at the least{source}"));
            }
            (measured.limit, measured.at_least) = (*most, *least);
        }
        sentences
    }

    /// Whether any test has the figure.
    pub(super) fn is_measured(&self, results: &Results) -> bool {
        let mut attempts = results.attempts.iter().filter(|attempt| self.is_about(&attempt.test));
        attempts.any(|attempt| attempt.measured.iter().any(|it| it.name == self.name))
    }

    /// Says that no test has the figure.
    pub(super) fn not_measured(&self) -> String {
        format!("`{}` is limited, and no test measured it{}", self.name, from(&self.source))
    }
}
