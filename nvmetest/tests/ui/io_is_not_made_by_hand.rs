use nvmetest::Io;
use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    let io = Io {};
    ns.flush().submit(&io).wait()
}

fn main() {}
