//! Workers that cannot start. Those that do are in `tests/ioworker`.

use nvmetest::IoWorkerError;
use nvmetest::prelude::*;
use nvmetest_fixtures::soft;

/// This program is one: if it were executed again, it would run its tests again.
#[test]
fn a_program_that_does_not_ask_for_its_role_starts_no_worker() -> Result {
    let nvme = soft::controller("soft:size=1MiB")?;
    let error = nvme.first_namespace()?.ioworker().count(1).start().unwrap_err();
    let Error::IoWorker(IoWorkerError::NotStarted(why)) = &error else { panic!("{error}") };
    assert!(why.contains("nvmetest::runner::serve_role"), "{why}");
    assert_eq!(nvme.leaks()?, Vec::<String>::new());
    Ok(())
}
