#![deny(unused_must_use)]
use nvmetest::prelude::*;

#[nvme_test]

fn test(ns: Namespace<'_>) {
    ns.flush();
}

fn main() {}
