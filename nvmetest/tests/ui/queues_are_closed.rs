//! This would have one controller take memory back from another.

use nvmetest::prelude::*;
use nvmetest::queue::{AdminQueue, IoQueue};

struct Mixed<'c>(&'c Controller);

impl AdminQueue for Mixed<'_> {}

impl IoQueue for Mixed<'_> {}

fn main() {}
