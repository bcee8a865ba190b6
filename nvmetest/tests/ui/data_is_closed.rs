//! This would say of memory that it is where it is not.

use nvmetest::memory::{Data, Places};

struct Elsewhere;

impl Data for Elsewhere {
    fn places(&self) -> Places {
        Places::None
    }

    fn bytes(&self) -> usize {
        0
    }
}

fn main() {}
