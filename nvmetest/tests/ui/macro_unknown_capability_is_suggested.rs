use nvmetest::prelude::*;

#[nvme_test(requires(FUNCTION_LEVEL_REST))]
fn misspelt(_nvme: &Controller) {}

#[nvme_test(requires(self::SOMETHING))]
fn something_else(_nvme: &Controller) {}

static SOMETHING: u32 = 5;

fn main() {}
