//! Tests that say whether their data is verified, with a loss of the device between them.

use nvmetest::prelude::*;

#[nvme_test]
fn says_so(ns: Namespace<'_>) -> Result {
    said(ns)
}

#[nvme_test]
fn loses_it(nvme: &Controller) -> Result {
    nvme.pull()
}

#[nvme_test]
fn says_so_again(ns: Namespace<'_>) -> Result {
    said(ns)
}

fn said(ns: Namespace<'_>) -> Result {
    let is_verified = ns.verified_by().is_some();
    Err(Error::Failed(format!("verified: {is_verified}")))
}
