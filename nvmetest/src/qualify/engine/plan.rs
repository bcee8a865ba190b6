//! Which tests there are, and which are to run.

use std::env;
use std::path::Path;

use crate::qualify::profile::Listed;
use crate::qualify::profile::Profile;
use crate::qualify::profile::Why;
use crate::qualify::shard::Cut;
use crate::qualify::shard::Shard;
use crate::qualify::shard::Weights;
use crate::results;
use crate::results::Planned;
use crate::results::Suite;
use crate::runner::registry;
use crate::runner::registry::Test;
use crate::runner::setup::SetupError;
use crate::runner::shuffle;

/// The tests that are to run, in their order.
#[derive(Debug, Clone)]
pub(in crate::qualify) struct Plan {
    pub(super) tests: Vec<Item>,
    pub(super) suite: Suite,
    /// The names of all tests.
    known: Vec<String>,
    /// Which part of the tests this is, if it is one.
    pub(super) shard: Option<results::Shard>,
}

/// Which of all tests are to run.
#[derive(Debug)]
pub(in crate::qualify) struct Selection<'s> {
    pub(in crate::qualify) profile: &'s Profile,
    /// A test runs that any of these matches; without any, each does.
    pub(in crate::qualify) filters: &'s [String],
    pub(in crate::qualify) skip: &'s [String],
    /// Whether a filter is the whole name.
    pub(in crate::qualify) exact: bool,
    /// Whether tests run that have a reason to be ignored.
    pub(in crate::qualify) ignored_too: bool,
    /// The seed of a random order.
    pub(in crate::qualify) shuffle: Option<u64>,
    /// Which part of what is left is this machine's, by the weights of the tests.
    pub(in crate::qualify) shard: Option<(Shard, &'s Weights)>,
}

/// A test that is to run.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) test: Test,
    /// Why it is not run, although it belongs to the run.
    pub(super) ignored: Option<String>,
}

/// Returns what a profile has to know of the tests that are linked in.
pub(in crate::qualify) fn listed() -> Result<Vec<Listed>, SetupError> {
    let listed =
        |test: Test| Listed { name: test.name(), ignored: test.function.ignore.map(str::to_owned) };
    Ok(registry::tests()?.into_iter().map(listed).collect())
}

impl Plan {
    /// Takes the tests that `selection` does not leave out.
    pub(in crate::qualify) fn new(selection: &Selection<'_>) -> Result<Self, SetupError> {
        let Selection { profile, filters, skip, exact, ignored_too, shuffle, shard } = selection;
        let item = |test: Test| Item { name: test.name(), test, ignored: None };
        let mut tests: Vec<Item> = registry::tests()?.into_iter().map(item).collect();
        let suite = suite(&tests);
        let known = tests.iter().map(|item| item.name.clone()).collect();
        if let Some(seed) = shuffle {
            // All tests, and not only the selected: a filter does not change the order.
            shuffle::shuffle(&mut tests, *seed);
        }
        let matches = |item: &Item, filter: &String| {
            if *exact { item.name == *filter } else { item.name.contains(filter) }
        };
        let idle = filters.iter().find(|filter| !tests.iter().any(|item| matches(item, filter)));
        if let Some(idle) = idle {
            let how = if *exact { "is named" } else { "has a name with" };
            return Err(SetupError::new(format!(
                "no test {how} `{idle}`; `test --list` lists the tests"
            )));
        }
        tests.retain_mut(|item| {
            let ignored = item.test.function.ignore.filter(|_| !ignored_too);
            let listed = Listed { name: item.name.clone(), ignored: ignored.map(str::to_owned) };
            item.ignored = match profile.selects(&listed) {
                Ok(()) => None,
                Err(Why::Ignored(reason)) => Some(reason),
                Err(_) => return false,
            };
            let wanted = filters.is_empty() || filters.iter().any(|filter| matches(item, filter));
            wanted && !skip.iter().any(|filter| matches(item, filter))
        });
        if tests.is_empty() {
            return Err(SetupError::new("no test is left to run; give another filter or profile"));
        }
        let mut recorded = None;
        if let Some((shard, weights)) = shard {
            let names: Vec<&str> = tests.iter().map(|item| &*item.name).collect();
            let cut = Cut::new(*shard, &names, weights);
            recorded = Some(shard.record(&cut));
            let mut place = 0..;
            tests.retain(|_| place.next().is_some_and(|place| cut.has(*shard, place)));
        }
        Ok(Self { tests, suite, known, shard: recorded })
    }

    /// Takes only the tests at `places`.
    pub(in crate::qualify) fn only(&self, places: &[usize]) -> Self {
        let tests = places.iter().map(|&place| self.tests[place].clone()).collect();
        Self { tests, ..self.clone() }
    }

    /// The place of a test that is to run.
    pub(in crate::qualify) fn place(&self, name: &str) -> Option<usize> {
        self.tests.iter().position(|item| item.name == name)
    }

    /// The name of the test at a place.
    pub(in crate::qualify) fn name(&self, place: usize) -> &str {
        &self.tests[place].name
    }

    /// Which tests are linked in.
    pub(in crate::qualify) fn suite(&self) -> &Suite {
        &self.suite
    }

    /// Whether there is a test of this name, to run or not.
    pub(in crate::qualify) fn exists(&self, name: &str) -> bool {
        self.known.iter().any(|known| known == name)
    }
}

impl Item {
    /// What is written of it, before it runs on `device`, or on any.
    pub(super) fn planned(&self, device: Option<u32>) -> Planned {
        let function = self.test.function;
        let area = self.name.split("::").next().unwrap_or_default();
        Planned {
            device,
            test: self.name.clone(),
            area: area.to_owned(),
            clause: function.spec.map(str::to_owned),
            file: function.file.to_owned(),
            line: function.line,
        }
    }

    /// The function that it is a case of.
    pub(super) fn place(&self) -> (&'static str, u32) {
        (self.test.function.file, self.test.function.line)
    }
}

/// Says which tests are linked in.
fn suite(tests: &[Item]) -> Suite {
    // FNV-1a: it tells one suite from another, and keeps nobody from making two that are alike.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for Item { name, test, .. } in tests {
        add(name);
        add(test.function.spec.unwrap_or_default());
        add(test.function.file);
        add(&test.function.line.to_string());
    }
    let executable = env::current_exe().unwrap_or_default();
    let name = executable.file_name().unwrap_or(Path::new("nvmetest").as_os_str());
    let name = name.to_string_lossy();
    // Cargo puts a hash behind the name of a test target.
    let name = match name.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 => name.to_owned(),
        _ => name.into_owned(),
    };
    Suite { name, tests: tests.len() as u64, hash: format!("{hash:016x}") }
}
