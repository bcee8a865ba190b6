//! The Host Memory Buffer (Base 5.1.25.2.4, 8.2.3).

use nvmetest::prelude::*;
use nvmetest::spec::Fid;
use nvmetest::spec::feature::{
    FeatureCapabilities, HostMemoryBufferAttributes, HostMemoryBufferStatus,
};
use nvmetest::{HmbError, HmbOptions, Select};
use zerocopy::FromBytes;

const FID: u8 = Fid::HOST_MEMORY_BUFFER.0;

/// The unit of HMPRE, HMMIN and HMMINDS, in bytes.
const UNIT: usize = 4096;
/// As much as a test lends where the controller is content with it.
const MOST: usize = 8 << 20;

/// The size of a memory page (CC.MPS).
fn page(nvme: &Controller) -> usize {
    1 << nvme.config().page_shift
}

/// Memory that the controller is content with, in `count` parts.
fn parts(nvme: &Controller, count: usize) -> Result<Vec<Buffer>> {
    let id = &nvme.capabilities().controller;
    let bytes = |units: u32| units as usize * UNIT;
    let all = bytes(id.hmpre.get()).min(MOST).max(bytes(id.hmmin.get()));
    let each = all.div_ceil(count).max(bytes(id.hmminds.get())).next_multiple_of(page(nvme));
    let part = |_| nvme.try_buffer(each).map_err(|error| Error::Blocked(error.to_string()));
    (0..count).map(part).collect()
}

/// Get Features.
fn get(
    nvme: &Controller,
    select: Select,
) -> Result<(HostMemoryBufferStatus, HostMemoryBufferAttributes)> {
    let mut data = nvme.buffer(size_of::<HostMemoryBufferAttributes>());
    let got = nvme.get_features_data(FID, &mut data).select(select).run(nvme)?;
    let attributes = HostMemoryBufferAttributes::read_from_bytes(&data[..]);
    Ok((got.cdw0.into(), attributes.expect("4096 bytes")))
}

fn is_enabled(nvme: &Controller) -> Result<bool> {
    Ok(get(nvme, Select::CURRENT)?.0.ehm())
}

/// Writes blocks and reads them, here and there.
fn work(nvme: &Controller, q: &Qpair, ns: Namespace, version: u32) -> Result {
    let block = ns.block();
    let far = (ns.capacity() / 2).min(1 << 20);
    for slba in [0, far] {
        let data = crate::pattern::write(nvme, q, ns, slba, 64, version)?;
        let back = crate::pattern::read(nvme, q, ns, slba, 64)?;
        crate::pattern::assert_same(&back, &data, block, slba);
    }
    Ok(())
}

/// It is enabled and disabled, again and again, and Get Features says which.
#[nvme_test(spec = "Base 5.1.25.2.4", requires(HOST_MEMORY_BUFFER))]
fn it_is_enabled_and_disabled(nvme: &Controller) -> Result {
    for _ in 0..4 {
        let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
        assert!(is_enabled(nvme)?, "EHM is 0, and it was enabled");
        hmb.disable()?;
        assert!(!is_enabled(nvme)?, "EHM is 1, and it was disabled");
    }
    Ok(())
}

/// Get Features returns the size and the descriptor list that were set, and no reserved bit.
#[nvme_test(spec = "Base 5.1.25.2.4", requires(HOST_MEMORY_BUFFER), cases(one = 1, two = 2))]
fn the_attributes_are_what_was_set(nvme: &Controller, #[case] count: usize) -> Result {
    let most = usize::from(nvme.capabilities().controller.hmmaxd.get());
    if most != 0 && most < count {
        return Err(Error::NotApplicable(format!("HMMAXD is {most}")));
    }
    let parts = parts(nvme, count)?;
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    let hmb = nvme.enable_hmb(parts)?;
    let (status, attributes) = get(nvme, Select::CURRENT)?;
    assert_eq!(u32::from(status) & !0b1101, 0, "reserved bits of Dword 0");
    assert!(!status.hmnare() && !status.hmnar(), "{status:?}: no restriction was asked for");
    assert_eq!(attributes.hsize.get() as usize, bytes / page(nvme), "HSIZE");
    assert_eq!(attributes.hmdlec.get() as usize, count, "HMDLEC");
    assert_eq!(attributes.descriptor_list() % 16, 0, "HMDLAL");
    assert!(attributes.reserved16.is_zero(), "{:?}", attributes.reserved16);
    hmb.disable()?;
    Ok(())
}

/// What is enabled cannot be enabled again: Command Sequence Error, and it stays as it was.
#[nvme_test(spec = "Base 5.1.25.2.4", requires(HOST_MEMORY_BUFFER))]
fn a_second_one_is_a_sequence_error(nvme: &Controller) -> Result {
    let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
    let before = get(nvme, Select::CURRENT)?;
    let second = nvme.enable_hmb(parts(nvme, 1)?);
    let status = second.as_ref().err().and_then(HmbError::status);
    assert_eq!(status, Some(Status::COMMAND_SEQUENCE_ERROR), "{second:?}");
    assert_eq!(get(nvme, Select::CURRENT)?, before);
    hmb.disable()?;
    Ok(())
}

/// What is not enabled may be disabled: nothing happens.
#[nvme_test(spec = "Base 5.1.25.2.4", requires(HOST_MEMORY_BUFFER))]
fn disabling_what_is_not_enabled_succeeds(nvme: &Controller) -> Result {
    for _ in 0..2 {
        nvme.disable_hmb()?;
        assert!(!is_enabled(nvme)?);
    }
    let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
    hmb.disable()?;
    nvme.disable_hmb()?;
    Ok(())
}

/// While it is disabled, and by default, EHM is 0, and nothing is restricted.
#[nvme_test(spec = "Base 5.1.25.2.4", requires(HOST_MEMORY_BUFFER))]
fn what_is_disabled_says_so(nvme: &Controller) -> Result {
    let (status, attributes) = get(nvme, Select::CURRENT)?;
    assert!(!status.ehm() && !status.hmnar(), "{status:?}");
    assert!(attributes.reserved16.is_zero(), "{:?}", attributes.reserved16);
    if nvme.capabilities().controller.oncs.ssfs() {
        let got = nvme.get_features(FID).select(Select::SUPPORTED_CAPABILITIES).run(nvme)?;
        let capabilities = FeatureCapabilities::from(got.cdw0);
        assert!(capabilities.chang() && !capabilities.nsspec(), "{capabilities:?}");
        let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
        let by_default = get(nvme, Select::DEFAULT)?.0;
        hmb.disable()?;
        assert!(!by_default.ehm(), "the default follows the current value: {by_default:?}");
    }
    Ok(())
}

/// Without CTRATT.HMBR the access cannot be restricted: Invalid Field in Command.
#[nvme_test(spec = "Base 5.1.25.2.4", requires(HOST_MEMORY_BUFFER))]
fn a_restriction_needs_hmbr(nvme: &Controller) -> Result {
    if nvme.capabilities().controller.ctratt.hmbr() {
        return Err(Error::NotApplicable("CTRATT.HMBR is 1".to_owned()));
    }
    let restricted = HmbOptions { restricted: true, ..HmbOptions::default() };
    let enabled = nvme.enable_hmb_with(parts(nvme, 1)?, restricted);
    let status = enabled.as_ref().err().and_then(HmbError::status);
    assert_eq!(status, Some(Status::INVALID_FIELD_IN_COMMAND), "{enabled:?}");
    assert!(!is_enabled(nvme)?);
    Ok(())
}

/// Memory that is not as Identify Controller asks for.
#[derive(Debug, Clone, Copy)]
enum Odd {
    /// HMDLEC is 0.
    NoDescriptors,
    /// HMDLEC is more than HMMAXD; the entries behind are of no pages.
    TooManyDescriptors,
    /// All memory is less than HMMIN.
    TooSmall,
    /// A descriptor is less than HMMINDS.
    SmallDescriptor,
    /// An address is no multiple of the memory page size.
    Skewed,
}

impl Odd {
    fn make(self, nvme: &Controller) -> Result<(Vec<Buffer>, HmbOptions)> {
        let id = &nvme.capabilities().controller;
        let (hmmin, hmminds) = (id.hmmin.get() as usize * UNIT, id.hmminds.get() as usize * UNIT);
        let hmmaxd = u32::from(id.hmmaxd.get());
        let mut parts = parts(nvme, 1)?;
        let mut options = HmbOptions::default();
        let unlimited = |field: &str| Err(Error::NotApplicable(format!("{field} sets no limit")));
        match self {
            Self::NoDescriptors => options.entries = Some(0),
            Self::TooManyDescriptors if hmmaxd == 0 => return unlimited("HMMAXD"),
            Self::TooManyDescriptors => options.entries = Some(hmmaxd + 1),
            Self::TooSmall if hmmin <= page(nvme) => return unlimited("HMMIN"),
            Self::TooSmall => parts = vec![nvme.buffer(page(nvme))],
            Self::SmallDescriptor if hmminds <= page(nvme) => return unlimited("HMMINDS"),
            Self::SmallDescriptor => parts.push(nvme.buffer(page(nvme))),
            Self::Skewed => {
                parts = vec![nvme.buffer(parts[0].len() + page(nvme))];
                options.skew = 512;
            }
        }
        Ok((parts, options))
    }
}

/// Memory that is not as it should be is refused, with Invalid Field in Command, or used as far as it goes: either way
/// the controller works, and can be given a better one.
#[nvme_test(
    spec = "Base 5.1.25.2.4",
    requires(HOST_MEMORY_BUFFER),
    cases(
        no_descriptors = Odd::NoDescriptors,
        too_many_descriptors = Odd::TooManyDescriptors,
        less_than_hmmin = Odd::TooSmall,
        a_descriptor_less_than_hmminds = Odd::SmallDescriptor,
        no_memory_page = Odd::Skewed,
    )
)]
fn odd_memory_is_refused_or_does_no_harm(
    nvme: &Controller,
    q: &Qpair,
    ns: Namespace,
    #[case] odd: Odd,
) -> Result {
    let (memory, options) = odd.make(nvme)?;
    match nvme.enable_hmb_with(memory, options) {
        Ok(hmb) => {
            assert!(is_enabled(nvme)?, "{odd:?}: it succeeded, and EHM is 0");
            work(nvme, q, ns, 1)?;
            hmb.disable()?;
        }
        Err(HmbError::Refused { status, .. }) => {
            assert_eq!(status, Status::INVALID_FIELD_IN_COMMAND, "{odd:?}");
            assert!(!is_enabled(nvme)?, "{odd:?}: it failed, and EHM is 1");
        }
        Err(error) => return Err(error.into()),
    }
    let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
    work(nvme, q, ns, 2)?;
    hmb.disable()?;
    Ok(())
}

/// Memory in as many parts as HMMAXD says, none longer than it has to be.
#[nvme_test(spec = "Base 5.1.13.2.1", requires(HOST_MEMORY_BUFFER))]
fn all_descriptors_can_be_used(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let most = match usize::from(nvme.capabilities().controller.hmmaxd.get()) {
        0 => 16,
        most => most.min(256),
    };
    let hmb = nvme.enable_hmb(parts(nvme, most)?)?;
    work(nvme, q, ns, 3)?;
    assert_eq!(get(nvme, Select::CURRENT)?.1.hmdlec.get() as usize, most);
    hmb.disable()?;
    work(nvme, q, ns, 4)
}

/// Blocks are written and read while it is enabled, and read the same when it is disabled.
#[nvme_test(spec = "Base 8.2.3", requires(HOST_MEMORY_BUFFER))]
fn commands_work_with_it_and_without(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let without = crate::pattern::write(nvme, q, ns, 0, 64, 1)?;
    let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
    let same = |data: &Buffer, slba| -> Result {
        let back = crate::pattern::read(nvme, q, ns, slba, 64)?;
        crate::pattern::assert_same(&back, data, ns.block(), slba);
        Ok(())
    };
    same(&without, 0)?;
    let with = crate::pattern::write(nvme, q, ns, 64, 64, 2)?;
    same(&with, 64)?;
    hmb.disable()?;
    same(&without, 0)?;
    same(&with, 64)
}

/// When it is disabled the controller leaves the memory alone, whatever it does then.
#[nvme_test(spec = "Base 8.2.3", requires(HOST_MEMORY_BUFFER))]
fn memory_is_left_alone_when_it_is_disabled(nvme: &Controller, q: &Qpair, ns: Namespace) -> Result {
    let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
    work(nvme, q, ns, 5)?;
    let mut memory = hmb.disable()?;
    crate::pattern::fill(&mut memory[0], UNIT, 0, 6);
    let mut expected = vec![0; memory[0].len()];
    crate::pattern::fill(&mut expected, UNIT, 0, 6);
    for version in 7..10 {
        work(nvme, q, ns, version)?;
        ns.flush().run(q)?;
        let changed = memory[0].iter().zip(&expected).position(|(is, was)| is != was);
        assert_eq!(changed, None, "the first byte that the controller wrote");
    }
    Ok(())
}

/// A reset disables it: the memory is the host's, and there may be another one.
#[nvme_test(spec = "Base 8.2.3", requires(HOST_MEMORY_BUFFER))]
fn a_reset_disables_it(nvme: &mut Controller) -> Result {
    for _ in 0..2 {
        // The memory stays with the controller until it is reset.
        std::mem::forget(nvme.enable_hmb(parts(nvme, 1)?)?);
        nvme.reset()?;
        assert!(!is_enabled(nvme)?, "EHM is 1 after a reset");
    }
    let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
    hmb.disable()?;
    Ok(())
}

/// After a reset the same memory may be given back (MR), and the blocks are what they were.
#[nvme_test(spec = "Base 8.2.3", requires(HOST_MEMORY_BUFFER))]
fn memory_may_be_given_back_after_a_reset(nvme: &mut Controller) -> Result {
    let (data, kept) = {
        let (q, ns) = (nvme.qpair(8)?, nvme.first_namespace()?);
        let hmb = nvme.enable_hmb(parts(nvme, 1)?)?;
        let data = crate::pattern::write(nvme, &q, ns, 0, 64, 11)?;
        (data, hmb.retain()?)
    };
    nvme.reset()?;
    let (q, ns) = (nvme.qpair(8)?, nvme.first_namespace()?);
    let hmb = nvme.return_hmb(kept)?;
    assert!(is_enabled(nvme)?);
    let back = crate::pattern::read(nvme, &q, ns, 0, 64)?;
    crate::pattern::assert_same(&back, &data, ns.block(), 0);
    work(nvme, &q, ns, 12)?;
    hmb.disable()?;
    Ok(())
}
