use nvmetest::prelude::*;
use nvmetest_fixtures::{qemu, soft};

#[nvme_test(spec = "NVM 3.3.4")]
fn a_read_past_the_end_fails(q: &Qpair, ns: Namespace, mut data: Buffer) -> Result {
    ns.read(&mut data, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(q)?;
    Ok(())
}

fn main() -> std::process::ExitCode {
    nvmetest::runner::main(&[soft::SCHEME, qemu::SCHEME])
}
