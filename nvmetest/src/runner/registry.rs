//! The tests that are linked in.

use std::time::Duration;

use super::setup::SetupError;
use crate::Controller;
use crate::Result;
use crate::capability::Capability;

/// The functions with `#[nvme_test]` of all crates that are linked in, in the order of the linker, which is
/// none.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static TESTS: [TestCase];

/// A function with `#[nvme_test]`.
#[doc(hidden)]
#[derive(Debug)]
pub struct TestCase {
    pub module: &'static str,
    pub name: &'static str,
    pub file: &'static str,
    pub line: u32,
    /// The text of the function, and the line that it begins in.
    pub source: Option<(u32, &'static str)>,
    pub spec: Option<&'static str>,
    pub ignore: Option<&'static str>,
    pub timeout: Option<Duration>,
    pub requires: &'static [&'static Capability],
    pub cases: &'static [Case],
}

/// One reported test of a function: without a name if it is the only one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Case {
    pub name: Option<&'static str>,
    pub run: fn(&mut Controller) -> Result,
}

impl TestCase {
    /// Returns the path of the function without its crate, as libtest names tests.
    pub(super) fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_crate, path)) => format!("{path}::{}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// One reported test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Test {
    pub(crate) function: &'static TestCase,
    pub(crate) case: &'static Case,
}

impl Test {
    pub(crate) fn name(&self) -> String {
        let path = self.function.path();
        match self.case.name {
            Some(case) => format!("{path}::{case}"),
            None => path,
        }
    }
}

/// Returns all tests in the order of file and line.
pub(crate) fn tests() -> Result<Vec<Test>, SetupError> {
    if TESTS.is_empty() {
        let sentence = "no test is linked in; name the crate that holds the tests next to `main`: \
                        `use my_suite as _;`";
        return Err(SetupError::new(sentence));
    }
    in_order(&TESTS)
}

fn in_order(functions: &'static [TestCase]) -> Result<Vec<Test>, SetupError> {
    let mut functions: Vec<&TestCase> = functions.iter().collect();
    functions.sort_by_key(|function| (function.file, function.line));
    let cases = |function: &'static TestCase| {
        function.cases.iter().map(move |case| Test { function, case })
    };
    let tests: Vec<Test> = functions.into_iter().flat_map(cases).collect();

    let mut named: Vec<(String, &Test)> = tests.iter().map(|test| (test.name(), test)).collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(pair) = named.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let place = |test: &Test| format!("{}:{}", test.function.file, test.function.line);
        return Err(SetupError::new(format!(
            "two tests have the name `{}`, at {} and at {}; rename one",
            pair[0].0,
            place(pair[0].1),
            place(pair[1].1),
        )));
    }
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONLY: &[Case] = &[Case { name: None, run: |_| Ok(()) }];
    const TWO: &[Case] =
        &[Case { name: Some("b"), run: |_| Ok(()) }, Case { name: Some("a"), run: |_| Ok(()) }];

    const fn function(module: &'static str, line: u32, cases: &'static [Case]) -> TestCase {
        TestCase {
            module,
            name: "f",
            file: "suite.rs",
            line,
            source: None,
            spec: None,
            ignore: None,
            timeout: None,
            requires: &[],
            cases,
        }
    }

    #[test]
    fn the_order_is_that_of_the_source_and_the_crate_is_no_part_of_the_name() {
        static FUNCTIONS: [TestCase; 3] = [
            function("suite::z::y", 30, ONLY),
            function("suite", 20, ONLY),
            function("suite::a", 9, TWO),
        ];
        let names: Vec<_> = in_order(&FUNCTIONS).unwrap().iter().map(Test::name).collect();
        assert_eq!(names, ["a::f::b", "a::f::a", "f", "z::y::f"]);
    }

    #[test]
    fn two_tests_with_one_name_are_refused() {
        static FUNCTIONS: [TestCase; 2] =
            [function("one::m", 3, ONLY), function("two::m", 4, ONLY)];
        let error = in_order(&FUNCTIONS).unwrap_err().to_string();
        assert_eq!(
            error,
            "two tests have the name `m::f`, at suite.rs:3 and at suite.rs:4; rename one"
        );
    }
}
