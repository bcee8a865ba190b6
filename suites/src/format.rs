//! Format NVM (Base 5.1.10).

use std::ops::Deref;
use std::time::Duration;

use nvmetest::prelude::*;
use nvmetest::spec::IdentifyNamespace;
use nvmetest::{ExclusiveCommand, Format, Namespace as Ns};

use crate::pattern;

/// How long a test that formats may take: a drive may need minutes.
const MINUTES: Duration = Duration::from_secs(900);

/// The controller while its first namespace is formatted, which it is again as before when this is dropped.
struct Formatted<'c> {
    nvme: &'c mut Controller,
    nsid: u32,
    before: Format,
}

impl<'c> Formatted<'c> {
    fn new(nvme: &'c mut Controller) -> Result<Self> {
        let nsid = nvme.first_namespace()?.nsid();
        let before = current(&*nvme.identify_namespace(nsid)?);
        Ok(Self { nvme, nsid, before })
    }

    fn format(&mut self, format: Format) -> ExclusiveCommand<'_> {
        self.nvme.format(self.nsid, format)
    }
}

impl Deref for Formatted<'_> {
    type Target = Controller;

    fn deref(&self) -> &Controller {
        self.nvme
    }
}

impl Drop for Formatted<'_> {
    fn drop(&mut self) {
        // If it does not go back, the check for leaks after the test says so.
        let now = self.identify_namespace(self.nsid).map(|id| current(&id));
        if now.is_ok_and(|now| now != self.before) {
            drop(self.format(self.before).run());
        }
    }
}

/// The format that a namespace has.
fn current(id: &IdentifyNamespace) -> Format {
    Format {
        lbaf: id.flbas.format_index(),
        extended_metadata: id.flbas.mtelba(),
        protection: id.dps.pit(),
        protection_first: id.dps.pip(),
        secure_erase: 0,
    }
}

/// A format without metadata, for what is about protection information.
fn without_metadata(id: &IdentifyNamespace) -> Result<u8> {
    let plain =
        id.formats().iter().take(16).position(|format| format.ms() == 0 && format.lbads() != 0);
    let plain =
        plain.ok_or_else(|| Error::NotApplicable("all formats have metadata".to_owned()))?;
    Ok(plain as u8)
}

/// What was written cannot be read after a format, whatever kind of erase it was.
#[nvme_test(
    spec = "Base 5.1.10",
    requires(FORMAT_NVM),
    timeout = MINUTES,
    cases(no_secure_erase = 0, user_data_erase = 1)
)]
fn a_format_leaves_no_data(nvme: &mut Controller, #[case] secure_erase: u8) -> Result {
    let nvme = Formatted::new(nvme)?;
    let format = Format { secure_erase, ..nvme.before };
    leaves_no_data(nvme, format)
}

/// What was written cannot be read after a cryptographic erase.
#[nvme_test(
    spec = "Base 5.1.10",
    requires(FORMAT_NVM, CRYPTOGRAPHIC_ERASE),
    timeout = MINUTES
)]
fn a_cryptographic_erase_leaves_no_data(nvme: &mut Controller) -> Result {
    let nvme = Formatted::new(nvme)?;
    let format = Format { secure_erase: 2, ..nvme.before };
    leaves_no_data(nvme, format)
}

fn leaves_no_data(mut nvme: Formatted, format: Format) -> Result {
    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(1)?);
    let places = [0, ns.capacity() / 2, ns.capacity() - 8];
    let mut written = Vec::new();
    for slba in places {
        written.push(pattern::write(&nvme, &q, ns, slba, 8, 1)?);
    }
    drop(q);

    nvme.format(format).run()?;

    let (ns, q) = (nvme.first_namespace()?, nvme.qpair(1)?);
    for (slba, written) in places.into_iter().zip(&written) {
        let mut back = nvme.buffer(written.len());
        // An encrypted or unwritten block may fail to read, and then returns no data either.
        ns.read(&mut back, slba).expect(Expected::Any).run(&q)?;
        for (found, old) in back[..].chunks(16).zip(written[..].chunks(16)) {
            assert!(found != old, "data from before the format at LBA {slba:#x}");
        }
    }
    Ok(())
}

/// Blocks are written and read after a format.
#[nvme_test(spec = "Base 5.1.10", requires(FORMAT_NVM), timeout = MINUTES)]
fn a_formatted_namespace_works(nvme: &mut Controller) -> Result {
    let mut nvme = Formatted::new(nvme)?;
    nvme.format(nvme.before).run()?;
    assert_eq!(current(&*nvme.identify_namespace(nvme.nsid)?), nvme.before);
    works(&nvme, nvme.first_namespace()?)
}

fn works(nvme: &Controller, ns: Ns) -> Result {
    let q = nvme.qpair(1)?;
    for slba in [0, ns.capacity() - 8] {
        let data = pattern::write(nvme, &q, ns, slba, 8, 7)?;
        pattern::assert_same(&pattern::read(nvme, &q, ns, slba, 8)?, &data, ns.block(), slba);
    }
    let mut block = nvme.buffer(ns.block());
    ns.read(&mut block, ns.capacity()).expect(Status::LBA_OUT_OF_RANGE).run(&q)?;
    Ok(())
}

/// Each LBA format can be had: Identify says so, the size is the same in bytes or less, and blocks work.
#[nvme_test(spec = "Base 5.1.10", requires(FORMAT_NVM), timeout = MINUTES)]
fn each_format_can_be_had(nvme: &mut Controller) -> Result {
    let mut nvme = Formatted::new(nvme)?;
    let id = nvme.identify_namespace(nvme.nsid)?;
    let size = |id: &IdentifyNamespace| {
        u128::from(id.nsze.get()) * u128::from(id.format().data_size().unwrap_or(0))
    };
    let before = size(&id);
    // Formats from 16 on want a feature of their own (LBAFEE).
    let formats = id.formats().iter().enumerate().take(16);
    for (lbaf, format) in formats.filter(|(_, format)| format.lbads() != 0) {
        let wanted = Format { lbaf: lbaf as u8, ..Format::default() };
        nvme.format(wanted).run()?;
        let id = nvme.identify_namespace(nvme.nsid)?;
        assert_eq!(usize::from(id.flbas.format_index()), lbaf);
        let now = size(&id);
        assert!(0 < now && now <= 2 * before, "{now} bytes in format {lbaf}, and {before} before");
        // Blocks with metadata want a buffer for them.
        if format.ms() == 0 {
            let ns = nvme.first_namespace()?;
            assert_eq!(Some(ns.block() as u32), format.data_size());
            works(&nvme, ns)?;
        }
    }
    Ok(())
}

/// A format that is not there fails with Invalid Format, and changes nothing.
#[nvme_test(spec = "Base 5.1.10", requires(FORMAT_NVM))]
fn a_format_that_is_not_there_fails(nvme: &mut Controller) -> Result {
    let mut nvme = Formatted::new(nvme)?;
    let id = nvme.identify_namespace(nvme.nsid)?;
    let missing =
        (0..16).find(|&lbaf| id.formats().get(lbaf).is_none_or(|format| format.lbads() == 0));
    let Some(lbaf) = missing else {
        return Err(Error::NotApplicable("all 16 formats are there".to_owned()));
    };
    let wanted = Format { lbaf: lbaf as u8, ..Format::default() };
    nvme.format(wanted).expect(Status::INVALID_FORMAT).run()?;
    assert_eq!(current(&*nvme.identify_namespace(nvme.nsid)?), nvme.before);
    Ok(())
}

/// Protection information has no room in a format without metadata: Invalid Format.
#[nvme_test(spec = "Base 5.1.10", requires(FORMAT_NVM), cases(type_1 = 1, type_2 = 2, type_3 = 3))]
fn protection_without_metadata_fails(nvme: &mut Controller, #[case] protection: u8) -> Result {
    let mut nvme = Formatted::new(nvme)?;
    let lbaf = without_metadata(&*nvme.identify_namespace(nvme.nsid)?)?;
    let wanted = Format { lbaf, protection, ..Format::default() };
    nvme.format(wanted).expect(Status::INVALID_FORMAT).run()?;
    assert_eq!(current(&*nvme.identify_namespace(nvme.nsid)?), nvme.before);
    Ok(())
}

/// A type of protection, or a kind of erase, that the standard reserves fails, and changes nothing.
#[nvme_test(
    spec = "Base 5.1.10",
    requires(FORMAT_NVM),
    cases(
        protection_4 = (4, 0),
        protection_7 = (7, 0),
        erase_3 = (0, 3),
        erase_7 = (0, 7)
    )
)]
fn a_reserved_value_fails(
    nvme: &mut Controller,
    #[case] (protection, secure_erase): (u8, u8),
) -> Result {
    let mut nvme = Formatted::new(nvme)?;
    let wanted = Format { protection, secure_erase, ..nvme.before };
    // A reserved type of protection is an invalid format as well.
    let format = nvme.format(wanted);
    let format = if protection == 0 {
        format.expect(Status::INVALID_FIELD_IN_COMMAND)
    } else {
        format.expect(&[Status::INVALID_FIELD_IN_COMMAND, Status::INVALID_FORMAT])
    };
    format.run()?;
    assert_eq!(current(&*nvme.identify_namespace(nvme.nsid)?), nvme.before);
    Ok(())
}

/// An NSID above NN cannot be formatted: Invalid Namespace or Format.
#[nvme_test(spec = "Base 3.2.1.2", requires(FORMAT_NVM))]
fn an_invalid_namespace_cannot_be_formatted(nvme: &mut Controller) -> Result {
    let nvme = Formatted::new(nvme)?;
    for nsid in [0, pattern::nsid_above_nn(&nvme)?] {
        nvme.nvme.format(nsid, nvme.before).expect(Status::INVALID_NAMESPACE_OR_FORMAT).run()?;
    }
    Ok(())
}

/// NSID FFFFFFFFh formats all namespaces, or fails where FNA bit 3 says that it cannot.
#[nvme_test(spec = "Base 5.1.10", requires(FORMAT_NVM), timeout = MINUTES)]
fn all_namespaces_are_formatted_as_fna_says(nvme: &mut Controller) -> Result {
    let nvme = Formatted::new(nvme)?;
    let mut before = Vec::new();
    for nsid in nvme.active_namespaces()? {
        before.push((nsid, current(&*nvme.identify_namespace(nsid)?)));
    }
    if before.iter().any(|(_, format)| *format != nvme.before) {
        return Err(Error::NotApplicable("the namespaces have different formats".to_owned()));
    }
    let unsupported = nvme.capabilities().controller.fna.fnvmbs();
    let status = if unsupported { Status::INVALID_FIELD_IN_COMMAND } else { Status::SUCCESS };
    nvme.nvme.format(u32::MAX, nvme.before).expect(status).run()?;
    for (nsid, format) in before {
        assert_eq!(current(&*nvme.identify_namespace(nsid)?), format, "namespace {nsid}");
    }
    works(&nvme, nvme.first_namespace()?)
}
