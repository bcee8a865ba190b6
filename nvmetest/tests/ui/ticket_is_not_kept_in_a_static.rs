use std::sync::Mutex;

use nvmetest::prelude::*;

static KEPT: Mutex<Option<Ticket<'static>>> = Mutex::new(None);

fn main() {}
