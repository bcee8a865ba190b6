//! Which tests run, on which devices.

use libtest_mimic::Arguments;

use super::registry::Test;
use super::setup::SetupError;
use crate::transport::DeviceUri;

/// A test on a device.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The name that is reported: with the device, if there are several.
    pub(crate) name: String,
    /// The name without the device.
    pub(crate) test_name: String,
    pub(crate) test: Test,
    /// The index of the device.
    pub(crate) device: usize,
}

/// Returns each test on each device, device by device.
pub(crate) fn plan(tests: &[Test], devices: &[DeviceUri]) -> Vec<Planned> {
    let on_device = |(device, uri): (usize, &DeviceUri)| {
        let suffix = if 1 < devices.len() { format!("@{uri}") } else { String::new() };
        let planned = move |test: &Test| {
            let test_name = test.name();
            Planned { name: format!("{test_name}{suffix}"), test_name, test: *test, device }
        };
        tests.iter().map(planned).collect::<Vec<_>>()
    };
    devices.iter().enumerate().flat_map(on_device).collect()
}

/// Tells libtest-mimic, which has one filter, which tests any of `filters` matches.
///
/// What does not match is named in the exact list of tests to skip, so that the counts are right.
pub(crate) fn select(
    planned: &[Planned],
    filters: &[String],
    arguments: &mut Arguments,
) -> Result<(), SetupError> {
    let matches = |planned: &Planned, filter: &String| {
        if arguments.exact {
            planned.name == *filter || planned.test_name == *filter
        } else {
            planned.name.contains(filter)
        }
    };
    if let Some(idle) = filters.iter().find(|filter| !planned.iter().any(|p| matches(p, filter))) {
        let how = if arguments.exact { "is named" } else { "has a name with" };
        return Err(SetupError::new(format!("no test {how} `{idle}`; `--list` lists the tests")));
    }
    let selected = |planned: &&Planned| {
        let wanted = filters.is_empty() || filters.iter().any(|filter| matches(planned, filter));
        wanted && !arguments.skip.iter().any(|filter| matches(planned, filter))
    };
    let skip =
        planned.iter().filter(|planned| !selected(planned)).map(|p| p.name.clone()).collect();
    arguments.filter = None;
    arguments.skip = skip;
    arguments.exact = true;
    Ok(())
}

/// Returns whether `planned` is going to have a verdict, after [`select`].
pub(crate) fn reports(planned: &Planned, arguments: &Arguments) -> bool {
    let left_out = arguments.skip.contains(&planned.name);
    // `--ignored` leaves out the others; `--bench` leaves out all tests.
    let of_the_kind = !arguments.ignored || planned.test.function.ignore.is_some();
    !left_out && of_the_kind && !arguments.bench
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Case;
    use crate::runner::TestCase;

    static CASES: [Case; 1] = [Case { name: None, run: |_| Ok(()) }];

    const fn function(name: &'static str) -> TestCase {
        TestCase {
            module: "suite::io",
            name,
            file: "io.rs",
            line: 1,
            source: None,
            spec: None,
            ignore: None,
            timeout: None,
            requires: &[],
            cases: &CASES,
        }
    }

    static FUNCTIONS: [TestCase; 3] =
        [function("read"), function("read_zeroes"), function("write")];

    fn selected(
        devices: &[&str],
        filters: &[&str],
        mut arguments: Arguments,
    ) -> Result<String, String> {
        let tests: Vec<_> =
            FUNCTIONS.iter().map(|function| Test { function, case: &CASES[0] }).collect();
        let devices: Vec<_> = devices.iter().map(|device| device.parse().unwrap()).collect();
        let filters: Vec<_> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let planned = plan(&tests, &devices);
        select(&planned, &filters, &mut arguments).map_err(|error| error.to_string())?;
        let left = planned.iter().map(|planned| &*planned.name);
        Ok(left
            .filter(|name| !arguments.skip.iter().any(|s| s == name))
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn filters_add_up_and_skip_takes_away() {
        let all = Arguments::default;
        assert_eq!(selected(&["soft:"], &[], all()).unwrap(), "io::read io::read_zeroes io::write");
        assert_eq!(
            selected(&["soft:"], &["zero", "write"], all()).unwrap(),
            "io::read_zeroes io::write"
        );

        let exact = || Arguments { exact: true, ..Arguments::default() };
        assert_eq!(selected(&["soft:"], &["io::read"], exact()).unwrap(), "io::read");

        let skip = Arguments { skip: vec!["zero".to_owned()], ..Arguments::default() };
        assert_eq!(selected(&["soft:"], &["read"], skip).unwrap(), "io::read");
    }

    #[test]
    fn several_devices_are_part_of_the_name() {
        let exact = || Arguments { exact: true, ..Arguments::default() };
        let both = selected(&["soft:", "qemu:"], &["io::read"], exact()).unwrap();
        assert_eq!(both, "io::read@soft: io::read@qemu:");
        let one = selected(&["soft:", "qemu:"], &["io::read@qemu:"], exact()).unwrap();
        assert_eq!(one, "io::read@qemu:");
    }

    #[test]
    fn a_filter_that_matches_nothing_is_named() {
        let error = selected(&["soft:"], &["read", "raed"], Arguments::default()).unwrap_err();
        assert_eq!(error, "no test has a name with `raed`; `--list` lists the tests");
    }
}
