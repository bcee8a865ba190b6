//! Each command in words.

use expect_test::Expect;
use expect_test::expect;
use zerocopy::FromZeros;

use super::describe;
use crate::spec::AdminOpcode;
use crate::spec::NvmOpcode;
use crate::spec::SglDescriptor;
use crate::spec::Sqe;
use crate::spec::sqe::Psdt;

fn sqe(opcode: u8, nsid: u32, dwords: &[u32]) -> Sqe {
    let mut sqe = Sqe::new_zeroed();
    sqe.set_opcode(opcode);
    sqe.nsid = nsid.into();
    let places = [
        &mut sqe.cdw10,
        &mut sqe.cdw11,
        &mut sqe.cdw12,
        &mut sqe.cdw13,
        &mut sqe.cdw14,
        &mut sqe.cdw15,
    ];
    for (place, dword) in places.into_iter().zip(dwords) {
        *place = (*dword).into();
    }
    sqe
}

/// Compares what is said of the commands, one a line.
#[track_caller]
fn check(admin: bool, commands: &[Sqe], expected: Expect) {
    let lines = commands.iter().map(|sqe| describe(sqe, admin).to_string() + "\n");
    expected.assert_eq(&lines.collect::<String>());
}

#[track_caller]
fn check_admin(commands: &[(AdminOpcode, u32, &[u32])], expected: Expect) {
    let build = |(opcode, nsid, dwords): &(AdminOpcode, u32, &[u32])| sqe(opcode.0, *nsid, dwords);
    check(true, &commands.iter().map(build).collect::<Vec<Sqe>>(), expected);
}

#[track_caller]
fn check_nvm(commands: &[(NvmOpcode, u32, &[u32])], expected: Expect) {
    let build = |(opcode, nsid, dwords): &(NvmOpcode, u32, &[u32])| sqe(opcode.0, *nsid, dwords);
    check(false, &commands.iter().map(build).collect::<Vec<Sqe>>(), expected);
}

#[test]
fn queues() {
    check_admin(
        &[
            (AdminOpcode::CREATE_IO_CQ, 0, &[0x03FF_0001, 0x0005_0003]),
            (AdminOpcode::CREATE_IO_CQ, 0, &[0xFFFF_FFFF, 0]),
            (AdminOpcode::CREATE_IO_SQ, 0, &[0x03FF_0002, 0x0001_0001]),
            (AdminOpcode::CREATE_IO_SQ, 0, &[0x0001_0003, 0x0007_0006, 9]),
            (AdminOpcode::DELETE_IO_SQ, 0, &[2]),
            (AdminOpcode::DELETE_IO_CQ, 0, &[0xFFFF]),
        ],
        expect![[r#"
            Create I/O Completion Queue qid=1 qsize=1024 PC IEN iv=5
            Create I/O Completion Queue qid=65535 qsize=65536 iv=0
            Create I/O Submission Queue qid=2 qsize=1024 PC cqid=1
            Create I/O Submission Queue qid=3 qsize=2 cqid=7 QPRIO 03h Low nvmsetid=9
            Delete I/O Submission Queue qid=2
            Delete I/O Completion Queue qid=65535
        "#]],
    );
}

#[test]
fn identify() {
    check_admin(
        &[
            (AdminOpcode::IDENTIFY, 0, &[0x01]),
            (AdminOpcode::IDENTIFY, 1, &[0x00]),
            (AdminOpcode::IDENTIFY, 0, &[0x02]),
            (AdminOpcode::IDENTIFY, 1, &[0x05, 0x0200_0000]),
            (AdminOpcode::IDENTIFY, 0xFFFF_FFFF, &[0x0001_0012, 3, 0, 0, 4]),
            (AdminOpcode::IDENTIFY, 0, &[0xFE]),
        ],
        expect![[r#"
            Identify CNS 01h Identify Controller data structure
            Identify nsid=1 CNS 00h Identify Namespace data structure
            Identify CNS 02h Active Namespace ID list
            Identify nsid=1 CNS 05h I/O Command Set specific Identify Namespace data structure CSI 02h Zoned Namespace Command Set
            Identify nsid=0xffffffff CNS 12h Namespace Attached Controller list cntid=0x1 cnssid=0x3 uidx=4
            Identify CNS FEh
        "#]],
    );
}

#[test]
fn log_pages_and_features() {
    check_admin(
        &[
            (AdminOpcode::GET_LOG_PAGE, 0xFFFF_FFFF, &[0x007F_0002]),
            (AdminOpcode::GET_LOG_PAGE, 0, &[0xFFFF_8001, 0x0002_0001, 0x40, 1, 0x0280_0003]),
            (AdminOpcode::GET_LOG_PAGE, 0, &[0x0000_7FEE]),
            (AdminOpcode::SET_FEATURES, 0, &[0x07, 0x000F_000F]),
            (AdminOpcode::SET_FEATURES, 1, &[0x8000_0005, 1, 2, 3, 4, 5]),
            (AdminOpcode::GET_FEATURES, 0, &[0x07]),
            (AdminOpcode::GET_FEATURES, 0, &[0x0302, 1]),
            (AdminOpcode::GET_FEATURES, 0, &[0x07DF]),
        ],
        expect![[r#"
            Get Log Page nsid=0xffffffff LID 02h SMART / Health Information dwords=128
            Get Log Page LID 01h Error Information RAE dwords=131072 lsi=0x2 lpo=0x100000040 uidx=3 OT CSI 02h Zoned Namespace Command Set
            Get Log Page LID EEh lsp=0x7f dwords=1
            Set Features FID 07h Number of Queues cdw11=0xf000f
            Set Features nsid=1 FID 05h Error Recovery SV cdw11=0x1 cdw12=0x2 cdw13=0x3 cdw15=0x5 uidx=4
            Get Features FID 07h Number of Queues SEL 00h Current
            Get Features FID 02h Power Management SEL 03h Supported Capabilities cdw11=0x1
            Get Features FID DFh SEL 07h
        "#]],
    );
}

#[test]
fn other_admin_commands() {
    check_admin(
        &[
            (AdminOpcode::ABORT, 0, &[0x1234_0001]),
            (AdminOpcode::ASYNC_EVENT_REQUEST, 0, &[]),
            (AdminOpcode::KEEP_ALIVE, 0, &[]),
            (AdminOpcode::FORMAT_NVM, 1, &[0x0000_1331]),
            (AdminOpcode::FORMAT_NVM, 0xFFFF_FFFF, &[0]),
            (AdminOpcode::NAMESPACE_MANAGEMENT, 0, &[0, 0x0200_0000]),
            (AdminOpcode::NAMESPACE_MANAGEMENT, 2, &[1]),
            (AdminOpcode::NAMESPACE_ATTACHMENT, 2, &[1]),
            (AdminOpcode::FIRMWARE_COMMIT, 0, &[0x8000_000A]),
            (AdminOpcode::FIRMWARE_IMAGE_DOWNLOAD, 0, &[0x3FF, 0x400]),
            (AdminOpcode::DEVICE_SELF_TEST, 0xFFFF_FFFF, &[2]),
            (AdminOpcode::DIRECTIVE_RECEIVE, 1, &[0x3FF, 0x0001_0101]),
            (AdminOpcode::SECURITY_RECEIVE, 0, &[0x0100_0100, 512]),
            (AdminOpcode::SANITIZE, 0, &[0x0000_062B, 0xABCD]),
            (AdminOpcode::DOORBELL_BUFFER_CONFIG, 0, &[]),
            (AdminOpcode::CAPACITY_MANAGEMENT, 0, &[1, 2, 3, 4, 5, 6]),
            (AdminOpcode(0xC1), 0, &[0xDEAD, 0, 0, 0, 0, 0xBEEF]),
        ],
        expect![[r#"
            Abort sqid=1 cid=0x1234
            Asynchronous Event Request
            Keep Alive
            Format NVM nsid=1 lbaf=17 MSET pi=1 PIL SES 01h User Data Erase
            Format NVM nsid=0xffffffff lbaf=0 SES 00h No secure erase operation requested
            Namespace Management SEL 00h Create CSI 02h Zoned Namespace Command Set
            Namespace Management nsid=2 SEL 01h Delete
            Namespace Attachment nsid=2 SEL 01h Controller Detach
            Firmware Commit fs=2 CA 01h bpid=1
            Firmware Image Download dwords=1024 ofst=0x400
            Device Self-test nsid=0xffffffff STC 02h Extended
            Directive Receive nsid=1 dwords=1024 DOPER 01h DTYPE 01h Streams dspec=0x1
            Security Receive SECP 01h spsp=0x1 length=512
            Sanitize SANACT 03h Overwrite AUSE owpass=2 NDAS EMVS ovrpat=0xabcd
            Doorbell Buffer Config
            Capacity Management cdw10=0x1 cdw11=0x2 cdw12=0x3 cdw13=0x4 cdw14=0x5 cdw15=0x6
            Opcode C1h cdw10=0xdead cdw11=0x0 cdw12=0x0 cdw13=0x0 cdw14=0x0 cdw15=0xbeef
        "#]],
    );
}

#[test]
fn reads_and_writes() {
    check_nvm(
        &[
            (NvmOpcode::FLUSH, 0xFFFF_FFFF, &[]),
            (NvmOpcode::READ, 1, &[0x10, 0, 0x4000_0007]),
            (NvmOpcode::READ, 0, &[0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF]),
            (NvmOpcode::WRITE, 1, &[0, 1, 0xFD10_0000, 0x0002_0003]),
            (NvmOpcode::COMPARE, 1, &[8, 0, 0]),
            (NvmOpcode::VERIFY, 1, &[8, 0, 0x3400_0000]),
            (NvmOpcode::WRITE_ZEROES, 1, &[8, 0, 0x0200_00FF]),
            (NvmOpcode::WRITE_ZEROES, 1, &[0, 0, 0x4080_0000]),
            (NvmOpcode::WRITE_UNCORRECTABLE, 1, &[8, 0, 3]),
            (NvmOpcode::DATASET_MANAGEMENT, 1, &[0xFF, 7]),
            (NvmOpcode::DATASET_MANAGEMENT, 1, &[0, 4]),
        ],
        expect![[r#"
            Flush nsid=0xffffffff
            Read nsid=1 slba=0x10 nlb=8 FUA
            Read nsid=0 slba=0xffffffffffffffff nlb=65536
            Write nsid=1 slba=0x100000000 nlb=1 STC prinfo=0xf FUA LR DTYPE 01h Streams dspec=0x2 dsm=0x3
            Compare nsid=1 slba=0x8 nlb=1
            Verify nsid=1 slba=0x8 nlb=1 prinfo=0xd
            Write Zeroes nsid=1 slba=0x8 nlb=256 DEAC
            Write Zeroes nsid=1 slba=0x0 nlb=1 NSZ FUA
            Write Uncorrectable nsid=1 slba=0x8 nlb=4
            Dataset Management nsid=1 nr=256 IDR IDW AD
            Dataset Management nsid=1 nr=1 AD
        "#]],
    );
}

#[test]
fn other_io_commands() {
    check_nvm(
        &[
            (NvmOpcode::COPY, 1, &[0x20, 0, 0x4100_0101]),
            (NvmOpcode::RESERVATION_REGISTER, 1, &[0x8000_0002]),
            (NvmOpcode::RESERVATION_ACQUIRE, 1, &[0x0000_0109]),
            (NvmOpcode::RESERVATION_RELEASE, 1, &[0x0000_0101]),
            (NvmOpcode::RESERVATION_REPORT, 1, &[0x3FF, 1]),
            (NvmOpcode::CANCEL, 1, &[0x0007_0001, 0]),
            (NvmOpcode::IO_MANAGEMENT_RECEIVE, 1, &[1, 0x3FF]),
            (NvmOpcode(0x99), 1, &[1, 2, 3, 4, 5, 6]),
        ],
        expect![[r#"
            Copy nsid=1 sdlba=0x20 nr=2 cdft=1 STCW FUA
            Reservation Register nsid=1 RREGA 02h Replace cptpl=2
            Reservation Acquire nsid=1 RACQA 01h Preempt IEKEY rtype=1
            Reservation Release nsid=1 RRELA 01h Clear rtype=1
            Reservation Report nsid=1 dwords=1024 EDS
            Cancel nsid=1 sqid=1 cid=0x7 ACT 00h Single Command Cancel
            I/O Management Receive nsid=1 cdw10=0x1 cdw11=0x3ff cdw12=0x0 cdw13=0x0 cdw14=0x0 cdw15=0x0
            Opcode 99h nsid=1 cdw10=0x1 cdw11=0x2 cdw12=0x3 cdw13=0x4 cdw14=0x5 cdw15=0x6
        "#]],
    );
}

#[test]
fn pointers_to_data_and_fused_operations() {
    let read = sqe(NvmOpcode::READ.0, 1, &[0, 0, 0]);
    let mut prps = read;
    prps.dptr = [0x1_0000_0200.into(), 0x1_0000_1000.into()];
    prps.mptr = 0x5000.into();
    let mut fused = read;
    fused.set_cdw0(fused.cdw0().with_fuse(crate::spec::sqe::Fuse::FIRST));
    let sgl = |psdt, descriptor: SglDescriptor| {
        let mut sgl = read;
        sgl.set_cdw0(sgl.cdw0().with_psdt(psdt));
        sgl.dptr = descriptor.to_dptr();
        sgl
    };
    check(
        false,
        &[
            prps,
            fused,
            sgl(Psdt::SGL_MPTR_CONTIGUOUS, SglDescriptor::data_block(0x8000, 512)),
            sgl(Psdt::SGL_MPTR_SGL, SglDescriptor::last_segment(0x9000, 32)),
            sgl(Psdt(3), SglDescriptor::from_dptr([0.into(), u64::MAX.into()])),
        ],
        expect![[r#"
            Read nsid=1 slba=0x0 nlb=1 prp1=0x100000200 prp2=0x100001000 mptr=0x5000
            Read nsid=1 FUSE 01h Fused operation, first command slba=0x0 nlb=1
            Read nsid=1 slba=0x0 nlb=1 PSDT 01h SGL SGL1 00h SGL Data Block address=0x8000 length=512
            Read nsid=1 slba=0x0 nlb=1 PSDT 02h SGL, metadata by SGL SGL1 30h SGL Last Segment address=0x9000 length=32
            Read nsid=1 slba=0x0 nlb=1 PSDT 03h reserved SGL1 FFh Vendor specific address=0x0 length=4294967295
        "#]],
    );
}

#[test]
fn every_opcode_with_every_bit_set_has_a_description() {
    for opcode in 0..=u8::MAX {
        for admin in [false, true] {
            let mut sqe: Sqe = zerocopy::transmute!([0xFF_u8; 64]);
            sqe.set_opcode(opcode);
            let description = describe(&sqe, admin);
            assert!(!description.name.is_empty() && !description.fields.is_empty());
        }
    }
}
