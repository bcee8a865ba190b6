//! Identify (Base 5.1.13).

mod command;
mod command_sets;
mod controller;
mod lists;
mod namespace;

use nvmetest::Identify;
use nvmetest::prelude::*;
use zerocopy::FromBytes;

/// Runs Identify and returns the data structure.
#[track_caller]
fn get<T: FromBytes>(nvme: &Controller, what: Identify) -> Result<Box<T>> {
    let mut page = nvme.buffer(4096);
    nvme.identify(what, &mut page).run(nvme)?;
    Ok(Box::new(T::read_from_bytes(&page[..]).expect("every structure has 4096 bytes")))
}
