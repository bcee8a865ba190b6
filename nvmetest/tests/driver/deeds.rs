//! What each command leaves in the table by which data is verified: on a controller that does nothing, and whose reads return
//! what the test says.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

use nvmetest::CreateIoCq;
use nvmetest::CreateIoSq;
use nvmetest::DsmAttributes;
use nvmetest::DsmRange;
use nvmetest::Format;
use nvmetest::Namespace;
use nvmetest::integrity::Content;
use nvmetest::integrity::Table;
use nvmetest::integrity::Verdict;
use nvmetest::prelude::*;
use nvmetest::raw::Entry;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::NvmOpcode;
use nvmetest::spec::Sqe;
use nvmetest::spec::command::CopyCdw12;
use nvmetest::spec::command::WriteZeroesCdw12;

use super::fake::Fake;
use super::fake::Reply;

const ZONE_MANAGEMENT_SEND: NvmOpcode = NvmOpcode(0x79);
const ZONE_APPEND: NvmOpcode = NvmOpcode(0x7d);
const BLOCK: usize = 512;
/// The byte of the data that is written before anything else.
const OLD: u8 = 0x11;

/// A controller whose reads return one byte, and whose other commands end with one status.
struct Device {
    nvme: Controller,
    returned: Arc<AtomicU8>,
    status: Arc<AtomicU16>,
}

impl Device {
    /// DRB is bits 2:0 of DLFEAT.
    fn with_drb<const DRB: u8>() -> Self {
        let (returned, status) = (Arc::new(AtomicU8::new(OLD)), Arc::<AtomicU16>::default());
        let (returns, ends) = (returned.clone(), status.clone());
        let fake = Fake::new(move |qid, sqe| {
            if qid == 0 {
                let is_namespace =
                    sqe.admin_opcode() == AdminOpcode::IDENTIFY && sqe.cdw10.get() == 0;
                return if is_namespace { Reply::Page(|_| identify(DRB)) } else { Reply::Normal };
            }
            match ends.load(Ordering::Relaxed) {
                0 => Reply::Moved(returns.load(Ordering::Relaxed)),
                code => Reply::Status(Status::new((code >> 8) as u8, code as u8)),
            }
        });
        Self { nvme: fake.open().expect("a controller"), returned, status }
    }

    fn new() -> Self {
        Self::with_drb::<1>()
    }

    fn ends_with(&self, status: Status) {
        let code = u16::from(status.code_type()) << 8 | u16::from(status.code());
        self.status.store(code, Ordering::Relaxed);
    }

    /// Reads a block that has this byte everywhere.
    fn read(&self, q: &Qpair<'_>, ns: Namespace<'_>, lba: u64, byte: u8) -> Result<(), Verdict> {
        self.returned.store(byte, Ordering::Relaxed);
        let mut data = self.nvme.buffer(BLOCK);
        match ns.read(&mut data, lba).run(q) {
            Ok(_) => Ok(()),
            Err(Error::Miscompare { miscompare, .. }) => Err(miscompare.verdict),
            Err(error) => panic!("another error: {error}"),
        }
    }
}

/// 1024 blocks of 512 bytes.
fn identify(dlfeat: u8) -> [u8; 4096] {
    let mut page = [0; 4096];
    page[0..8].copy_from_slice(&1024_u64.to_le_bytes());
    page[8..16].copy_from_slice(&1024_u64.to_le_bytes());
    (page[33], page[130]) = (dlfeat, 9);
    page
}

fn old() -> Content {
    Content::Data(crc32fast::hash(&[OLD; BLOCK]))
}

fn sqe(opcode: NvmOpcode) -> Sqe {
    let mut sqe = Sqe::with_opcode(opcode.0);
    (sqe.nsid, sqe.cdw12) = (1.into(), 7.into());
    sqe
}

/// Writes blocks 0 to 15, and has them known.
fn begin<'c>(nvme: &'c Controller, q: &Qpair<'_>) -> Result<(Namespace<'c>, Table)> {
    let ns = nvme.first_namespace()?;
    ns.verify_data(true)?;
    let mut data = nvme.buffer(16 * BLOCK);
    data.fill(OLD);
    ns.write(&data, 0).run(q)?;
    Ok((ns, ns.verified_by().expect("it is on")))
}

fn copy(nvme: &Controller, q: &Qpair<'_>) -> Result {
    // Two sources of 3 and 5 blocks, zero-based and at byte 16 of each range.
    let mut ranges = nvme.buffer(2 * 32);
    (ranges[16], ranges[32 + 16]) = (2, 4);
    let mut sqe = sqe(NvmOpcode::COPY);
    sqe.cdw12 = u32::from(CopyCdw12::new().with_nr_z(1)).into();
    Command::<Nvm, _>::raw(sqe, ranges.slice(0..64)).expect(Expected::Any).run(q).map(drop)
}

fn without_data(q: &Qpair<'_>, sqe: Sqe) -> Result {
    Command::<Nvm, _>::raw(sqe, ()).expect(Expected::Any).run(q).map(drop)
}

fn deallocate(nvme: &Controller, q: &Qpair<'_>, attributes: DsmAttributes) -> Result {
    let mut ranges = nvme.buffer(4096);
    DsmRange::fill(&mut ranges, &[DsmRange::new(0, 3), DsmRange::new(3, 5)]);
    let ns = nvme.first_namespace()?;
    ns.dataset_management(&ranges, 2, attributes).expect(Expected::Any).run(q).map(drop)
}

fn zeroes_everywhere() -> Sqe {
    let cdw12 = WriteZeroesCdw12::new().with_nsz(true);
    let mut sqe = sqe(NvmOpcode::WRITE_ZEROES);
    sqe.cdw12 = u32::from(cdw12).into();
    sqe
}

type Change = fn(&Controller, &Qpair<'_>) -> Result;

/// What each command leaves of blocks 0 to 7, which it names, and of the others.
const CHANGES: [(&str, Change, Option<Content>, bool); 9] = [
    ("Copy", copy, Some(Content::Unknown), true),
    (
        "Write Zeroes",
        |_, q| without_data(q, sqe(NvmOpcode::WRITE_ZEROES)),
        Some(Content::Zeroes),
        true,
    ),
    (
        "Write Zeroes with NSZ",
        |_, q| without_data(q, zeroes_everywhere()),
        Some(Content::Unknown),
        false,
    ),
    (
        "Write Uncorrectable",
        |_, q| without_data(q, sqe(NvmOpcode::WRITE_UNCORRECTABLE)),
        Some(Content::Uncorrectable),
        true,
    ),
    (
        "Zone Management Send",
        |_, q| without_data(q, sqe(ZONE_MANAGEMENT_SEND)),
        Some(Content::Unknown),
        false,
    ),
    (
        "Zone Append",
        |nvme, q| {
            let data = nvme.buffer(8 * BLOCK);
            let command = Command::<Nvm, _>::raw(sqe(ZONE_APPEND), data.slice(0..8 * BLOCK));
            command.expect(Expected::Any).run(q).map(drop)
        },
        Some(Content::Unknown),
        false,
    ),
    (
        "a hint that deallocates nothing",
        |nvme, q| deallocate(nvme, q, DsmAttributes::default()),
        None,
        true,
    ),
    ("Verify", |_, q| without_data(q, sqe(NvmOpcode::VERIFY)), None, true),
    ("Flush", |_, q| without_data(q, sqe(NvmOpcode::FLUSH)), None, true),
];

#[test]
fn each_command_leaves_what_it_does_to_the_blocks_that_it_names() -> Result {
    for (name, change, content, leaves_others) in CHANGES {
        let device = Device::new();
        let q = device.nvme.qpair(4)?;
        let (_, table) = begin(&device.nvme, &q)?;
        change(&device.nvme, &q)?;
        let content = content.unwrap_or(old());
        assert_eq!([0, 7].map(|lba| table.content(lba)), [content; 2], "{name}");
        let others = if leaves_others { old() } else { Content::Unknown };
        assert_eq!([8, 15].map(|lba| table.content(lba)), [others; 2], "{name}");
    }
    Ok(())
}

#[test]
fn a_command_that_the_device_does_not_have_changes_nothing() -> Result {
    for (name, change, _, leaves_others) in CHANGES {
        let device = Device::new();
        let q = device.nvme.qpair(4)?;
        let (ns, table) = begin(&device.nvme, &q)?;
        device.ends_with(Status::INVALID_COMMAND_OPCODE);
        change(&device.nvme, &q)?;
        device.ends_with(Status::SUCCESS);
        // Those of which nobody knows what they name make everything void when they are sent.
        if leaves_others {
            assert_eq!(table.content(0), old(), "{name}");
            assert_eq!(device.read(&q, ns, 0, 0x22), Err(Verdict::NeverWritten), "{name}");
        }
    }
    Ok(())
}

#[test]
fn a_command_that_failed_leaves_old_or_new() -> Result {
    let zeroes: Change = |_, q| without_data(q, sqe(NvmOpcode::WRITE_ZEROES));
    for byte in [OLD, 0] {
        let device = Device::new();
        let q = device.nvme.qpair(4)?;
        let (ns, _) = begin(&device.nvme, &q)?;
        device.ends_with(Status::INTERNAL_ERROR);
        zeroes(&device.nvme, &q)?;
        device.ends_with(Status::SUCCESS);
        assert_eq!(device.read(&q, ns, 0, 0x22), Err(Verdict::NeverWritten));
        assert_eq!(device.read(&q, ns, 0, byte), Ok(()));
        // That has settled it.
        assert!(device.read(&q, ns, 0, if byte == 0 { OLD } else { 0 }).is_err());
    }
    Ok(())
}

#[test]
fn deallocated_blocks_are_what_dlfeat_says_or_what_they_were() -> Result {
    for (drb, allowed) in [(0, &[0x00, 0xff, OLD][..]), (1, &[0x00, OLD]), (2, &[0xff, OLD])] {
        for byte in [0x00, 0xff, OLD, 0x22] {
            let device = match drb {
                0 => Device::with_drb::<0>(),
                1 => Device::with_drb::<1>(),
                _ => Device::with_drb::<2>(),
            };
            let q = device.nvme.qpair(4)?;
            let (ns, _) = begin(&device.nvme, &q)?;
            deallocate(&device.nvme, &q, DsmAttributes::DEALLOCATE)?;
            let read = [0, 7].map(|lba| device.read(&q, ns, lba, byte).is_ok());
            assert_eq!(read, [allowed.contains(&byte); 2], "DRB {drb}, {byte:#x}");
            assert_eq!(device.read(&q, ns, 8, byte).is_ok(), byte == OLD, "DRB {drb}, {byte:#x}");
        }
    }
    Ok(())
}

#[test]
fn nothing_is_known_after_a_sanitize_and_verified_after_a_format() -> Result {
    let mut device = Device::new();
    {
        let q = device.nvme.qpair(4)?;
        let (ns, table) = begin(&device.nvme, &q)?;
        Command::<Admin>::raw(Sqe::with_opcode(AdminOpcode::SANITIZE.0), ()).run(&device.nvme)?;
        assert_eq!([0, 15].map(|lba| table.content(lba)), [Content::Unknown; 2]);
        assert_eq!(device.read(&q, ns, 0, 0x22), Ok(()));
    }
    device.nvme.format(1, Format::default()).run()?;
    assert!(device.nvme.first_namespace()?.verified_by().is_none());
    Ok(())
}

#[test]
fn of_entries_by_hand_the_blocks_are_not_judged() -> Result {
    let named = |opcode| Entry::new(opcode).nsid(1).edit(|sqe| sqe.cdw12 = 7.into());
    let everywhere = Entry::new(NvmOpcode::WRITE_ZEROES.0).nsid(1);
    let everywhere = everywhere.edit(|it| it.cdw12 = zeroes_everywhere().cdw12);
    let cases = [
        (named(NvmOpcode::WRITE.0), true),
        (named(NvmOpcode::WRITE_ZEROES.0), true),
        (named(NvmOpcode::WRITE_UNCORRECTABLE.0), true),
        (everywhere, false),
        (named(NvmOpcode::DATASET_MANAGEMENT.0), false),
        (named(NvmOpcode::COPY.0), false),
        (named(ZONE_MANAGEMENT_SEND.0), false),
        (named(ZONE_APPEND.0), false),
    ];
    for (entry, leaves_others) in cases {
        let device = Device::new();
        let nvme = &device.nvme;
        let q = nvme.qpair(4)?;
        let (ns, table) = begin(nvme, &q)?;
        assert_eq!(device.read(&q, ns, 0, 0x22), Err(Verdict::NeverWritten));
        let cq = nvme.raw_completion_queue(CreateIoCq::contiguous(2, 4))?;
        let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(2, 4, 2))?;
        sq.write(0, &entry)?;
        let opcode = entry.sqe().opcode();
        // Nobody says when it is executed: from now on, and also when it was.
        for lba in [0, 7] {
            assert_eq!(device.read(&q, ns, lba, 0x22), Ok(()), "{opcode:02x}h");
        }
        assert_eq!(table.unjudged(), 2, "{opcode:02x}h");
        assert_eq!(device.read(&q, ns, 8, 0x22).is_err(), leaves_others, "{opcode:02x}h");
        drop((sq, cq));
    }
    // These change nothing.
    for opcode in [NvmOpcode::READ, NvmOpcode::FLUSH, NvmOpcode::VERIFY] {
        let device = Device::new();
        let nvme = &device.nvme;
        let q = nvme.qpair(4)?;
        let (ns, _) = begin(nvme, &q)?;
        let cq = nvme.raw_completion_queue(CreateIoCq::contiguous(2, 4))?;
        let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(2, 4, 2))?;
        let data = nvme.shared_memory(4096)?;
        sq.write(0, &Entry::new(opcode.0).nsid(1).prp1(data.at(0)))?;
        assert!(device.read(&q, ns, 0, 0x22).is_err(), "{opcode}");
        drop((sq, cq));
    }
    Ok(())
}

#[test]
fn what_entries_by_hand_have_spoiled_is_begun_anew_with_the_next_test() -> Result {
    let device = Device::new();
    let nvme = &device.nvme;
    nvme.verify_data(true)?;
    {
        let q = nvme.qpair(4)?;
        let ns = nvme.first_namespace()?;
        let cq = nvme.raw_completion_queue(CreateIoCq::contiguous(2, 4))?;
        let sq = nvme.raw_submission_queue(CreateIoSq::contiguous(2, 4, 2))?;
        sq.write(0, &Entry::new(NvmOpcode::COPY.0).nsid(1))?;
        assert_eq!(device.read(&q, ns, 0, 0x22), Ok(()));
        drop((sq, cq));
    }
    nvme.begin("the next test");
    let q = nvme.qpair(4)?;
    let ns = nvme.first_namespace()?;
    let mut data = nvme.buffer(BLOCK);
    data.fill(OLD);
    ns.write(&data, 0).run(&q)?;
    assert_eq!(device.read(&q, ns, 0, 0x22), Err(Verdict::NeverWritten));
    Ok(())
}

#[test]
fn a_compare_that_fails_although_the_blocks_must_be_equal_is_a_miscompare() -> Result {
    let device = Device::new();
    let nvme = &device.nvme;
    let q = nvme.qpair(4)?;
    let (ns, _) = begin(nvme, &q)?;
    let mut data = nvme.buffer(8 * BLOCK);
    data.fill(OLD);
    let compare = |slba| {
        device.ends_with(Status::COMPARE_FAILURE);
        let compared = ns.compare(&data, slba).expect(Status::COMPARE_FAILURE).run(&q);
        device.ends_with(Status::SUCCESS);
        match compared {
            Ok(_) => None,
            Err(Error::Miscompare { miscompare, .. }) => Some((miscompare.lba, miscompare.verdict)),
            Err(error) => panic!("another error: {error}"),
        }
    };
    assert_eq!(compare(4), Some((4, Verdict::Equal)));
    // Of one block nothing is known, or it is something else, or it may be: that may be the one that differs.
    assert_eq!(compare(12), None);
    ns.write_zeroes(5, 1).run(&q)?;
    assert_eq!(compare(4), None);
    deallocate(nvme, &q, DsmAttributes::DEALLOCATE)?;
    assert_eq!(compare(0), None);
    Ok(())
}
