//! Get Log Page (Base 5.1.12).

mod effects;
mod error_information;
mod firmware_slot;
mod smart;
mod transfer;

use nvmetest::LogPage;
use nvmetest::prelude::*;
use nvmetest::spec::Lid;
use zerocopy::FromBytes;

/// Reads the log page `lid` of the controller, and retains its event.
#[track_caller]
pub(crate) fn get<T: FromBytes>(nvme: &Controller, lid: Lid) -> Result<Box<T>> {
    let mut page = nvme.buffer(size_of::<T>());
    nvme.get_log_page(retained(lid), &mut page).run(nvme)?;
    Ok(Box::new(T::read_from_bytes(&page[..]).expect("the buffer has the size of the page")))
}

/// The log page `lid` of the controller, such that its event stays masked.
fn retained(lid: Lid) -> LogPage {
    LogPage { retain_event: true, ..LogPage::of(lid.0) }
}
