//! A test with an IOWorker, whose figures are in the results.

use nvmetest::prelude::*;

#[nvme_test]
fn a_worker_reads(nvme: &Controller) -> Result {
    let ns = nvme.first_namespace()?;
    let statistics = ns.ioworker().depth(4).count(100).start()?.join()?;
    assert_eq!(statistics.reads, 100);
    Ok(())
}
