//! Which tests there are, and which are to run.

use std::env;
use std::path::Path;

use crate::results::Planned;
use crate::results::Suite;
use crate::runner::registry;
use crate::runner::registry::Test;
use crate::runner::setup::SetupError;
use crate::runner::shuffle;

/// The tests that are to run, in their order.
#[derive(Debug)]
pub(in crate::qualify) struct Plan {
    pub(super) tests: Vec<Item>,
    pub(super) suite: Suite,
    /// The names of all tests.
    known: Vec<String>,
}

/// A test that is to run.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) test: Test,
}

impl Plan {
    /// Takes the tests that any of `filters` matches and none of `skip`; all of them, without filters.
    pub(in crate::qualify) fn new(
        filters: &[String],
        exact: bool,
        skip: &[String],
        shuffle: Option<u64>,
    ) -> Result<Self, SetupError> {
        let mut tests: Vec<Item> =
            registry::tests()?.into_iter().map(|test| Item { name: test.name(), test }).collect();
        let suite = suite(&tests);
        let known = tests.iter().map(|item| item.name.clone()).collect();
        if let Some(seed) = shuffle {
            // All tests, and not only the selected: a filter does not change the order.
            shuffle::shuffle(&mut tests, seed);
        }
        let matches = |item: &Item, filter: &String| {
            if exact { item.name == *filter } else { item.name.contains(filter) }
        };
        let idle = filters.iter().find(|filter| !tests.iter().any(|item| matches(item, filter)));
        if let Some(idle) = idle {
            let how = if exact { "is named" } else { "has a name with" };
            return Err(SetupError::new(format!(
                "no test {how} `{idle}`; `test --list` lists the tests"
            )));
        }
        tests.retain(|item| {
            let wanted = filters.is_empty() || filters.iter().any(|filter| matches(item, filter));
            wanted && !skip.iter().any(|filter| matches(item, filter))
        });
        if tests.is_empty() {
            return Err(SetupError::new("no test is left to run; give another filter"));
        }
        Ok(Self { tests, suite, known })
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
    for Item { name, test } in tests {
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
