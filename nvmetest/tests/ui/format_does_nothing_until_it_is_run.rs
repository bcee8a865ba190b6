#![deny(unused_must_use)]
use nvmetest::Format;
use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) {
    nvme.format(1, Format::default());
}

fn main() {}
