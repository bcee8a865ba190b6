use nvmetest::prelude::*;

#[nvme_test]
fn test(ns: Namespace<'_>, mut buf: Buffer, mut other: Buffer) {
    let mut command = ns.read(&mut buf, 0);
    command.data = other.as_mut();
}

fn main() {}
