use nvmetest::prelude::*;

struct Led;

#[nvme_test]
fn unknown(_nvme: &Controller, _led: &Led) {}

fn main() {}
