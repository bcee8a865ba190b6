//! What is made of results: the page, JUnit XML, KTAP.

mod html;
mod junit;
mod ktap;
mod synthetic;

use nvmetest::results::Line;
use nvmetest::results::Results;

/// What lines come to.
fn results(lines: Vec<Line>) -> Results {
    let mut results = Results::default();
    lines.into_iter().for_each(|line| results.add(line));
    results
}
