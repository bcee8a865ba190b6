//! A controller that can be enabled, identified and shut down, and says "Successful Completion" to the rest.

use std::sync::Arc;

use nvmetest::memory::Arena;
use nvmetest::memory::DeviceView;
use nvmetest::memory::Iova;
use nvmetest::spec::AdminOpcode;
use nvmetest::spec::Ascii;
use nvmetest::spec::Cap;
use nvmetest::spec::Cc;
use nvmetest::spec::Cqe;
use nvmetest::spec::Csts;
use nvmetest::spec::IdentifyController;
use nvmetest::spec::IdentifyNamespace;
use nvmetest::spec::Sqe;
use nvmetest::spec::Status;
use nvmetest::spec::StatusField;
use nvmetest::spec::Vs;
use nvmetest::spec::identify::ControllerType;
use nvmetest::spec::identify::LbaFormat;
use nvmetest::spec::identify::QueueEntrySizes;
use nvmetest::spec::property::ShutdownStatus;
use nvmetest::transport::DmaAccess;
use nvmetest::transport::DmaFault;
use zerocopy::FromBytes;
use zerocopy::FromZeros;
use zerocopy::IntoBytes;

const REGISTERS: usize = 0x1000;
const CC: usize = 0x14;
const CSTS: usize = 0x1c;
const AQA: usize = 0x24;
const ASQ: usize = 0x28;
const ACQ: usize = 0x30;
const ADMIN_SQ_TAIL: u64 = 0x1000;

/// A vendor specific command that completes only when it is aborted.
pub const NEVER_COMPLETES: u8 = 0xc0;

/// A vendor specific command that reads from an address where nothing is.
pub const READS_NOWHERE: u8 = 0xc4;

/// The doorbells other than that of the Admin Submission Queue are ignored.
#[derive(Debug)]
pub struct FakeController {
    memory: DeviceView,
    registers: Box<[u8; REGISTERS]>,
    head: u32,
    completions: u32,
    /// The identifiers of commands that wait for ever, such as Asynchronous Event Requests.
    waiting: Vec<u16>,
    /// What an IOMMU would have noted.
    pub faults: Vec<DmaFault>,
}

impl FakeController {
    pub fn new(arena: &Arc<Arena>) -> Self {
        let mut registers = Box::new([0; REGISTERS]);
        let cap = Cap::new().with_mqes_z(63).with_cqr(true).with_to(4);
        let cap = cap.with_css(cap.css().with_ncss(true)).with_crms(cap.crms().with_crwms(true));
        registers[..8].copy_from_slice(&u64::from(cap).to_le_bytes());
        registers[8..12].copy_from_slice(&u32::from(Vs::V2_0).to_le_bytes());
        // SAFETY: It touches what commands name before it completes them, in the thread that rings the doorbell.
        #[expect(unsafe_code, reason = "a device is trusted with the arena")]
        let memory = unsafe { arena.device_view() };
        Self { memory, registers, head: 0, completions: 0, waiting: Vec::new(), faults: Vec::new() }
    }

    pub fn read(&self, offset: u64, data: &mut [u8]) {
        let range = offset as usize..offset as usize + data.len();
        data.copy_from_slice(self.registers.get(range).unwrap_or(&[0; 8][..data.len()]));
    }

    pub fn write(&mut self, offset: u64, data: &[u8]) {
        if offset == ADMIN_SQ_TAIL {
            let tail = u32::from_le_bytes(data.try_into().expect("a doorbell has 32 bits"));
            return self.admin_commands(tail);
        }
        let offset = offset as usize;
        let Some(register) = self.registers.get_mut(offset..offset + data.len()) else { return };
        register.copy_from_slice(data);
        if offset == CC {
            self.configure();
        }
    }

    pub fn disable(&mut self) {
        self.registers[CC..CC + 4].fill(0);
        self.configure();
    }

    fn configure(&mut self) {
        let cc = Cc::from(self.word(CC));
        let mut csts = Csts::new().with_rdy(cc.en());
        if cc.shn().0 != 0 {
            csts = csts.with_shst(ShutdownStatus::COMPLETE);
            eprintln!("fake: shut down");
        }
        if !cc.en() {
            (self.head, self.completions) = (0, 0);
            self.waiting.clear();
        }
        self.registers[CSTS..CSTS + 4].copy_from_slice(&u32::from(csts).to_le_bytes());
    }

    fn admin_commands(&mut self, tail: u32) {
        let entries = (self.word(AQA) & 0xfff) + 1;
        while self.head != tail % entries {
            let mut sqe = [0; 64];
            let at = self.address(ASQ) + 64 * self.head as usize;
            self.memory.read(at, &mut sqe);
            self.head = (self.head + 1) % entries;
            let sqe = Sqe::read_from_bytes(&sqe).expect("64 bytes are one entry");
            self.admin_command(&sqe);
        }
    }

    fn admin_command(&mut self, sqe: &Sqe) {
        const NUMBER_OF_QUEUES: u32 = 0x07;
        let dw0 = match sqe.admin_opcode() {
            AdminOpcode::IDENTIFY => return self.identify(sqe),
            AdminOpcode::ASYNC_EVENT_REQUEST | AdminOpcode(NEVER_COMPLETES) => {
                return self.waiting.push(sqe.cid());
            }
            AdminOpcode(READS_NOWHERE) => {
                let (iova, access) = (Iova(0xdead_0000), Some(DmaAccess::Read));
                self.faults.push(DmaFault { iova, len: None, access, unrecorded: 0 });
                0
            }
            AdminOpcode::ABORT => {
                let cid = (sqe.cdw10.get() >> 16) as u16;
                if let Some(index) = self.waiting.iter().position(|&waiting| waiting == cid) {
                    self.waiting.remove(index);
                    self.complete(cid, 0, Status::new(0, 0x07));
                    0
                } else {
                    1
                }
            }
            AdminOpcode::SET_FEATURES if sqe.cdw10.get() & 0xff == NUMBER_OF_QUEUES => 0x000f_000f,
            _ => 0,
        };
        self.complete(sqe.cid(), dw0, Status::new(0, 0));
    }

    fn identify(&mut self, sqe: &Sqe) {
        let mut page = [0_u8; 4096];
        match sqe.cdw10.get() & 0xff {
            0x00 => page.copy_from_slice(namespace().as_bytes()),
            0x01 => page.copy_from_slice(controller().as_bytes()),
            // Namespace 1 is the only one.
            0x02 => page[0] = u8::from(sqe.nsid.get() == 0),
            _ => return self.complete(sqe.cid(), 0, Status::new(0, 0x02)),
        }
        // The structure may cross into a second page.
        let [first, second] = sqe.dptr.map(|address| address.get() as usize);
        let (start, rest) = page.split_at(4096 - first % 4096);
        self.memory.write(first, start);
        if !rest.is_empty() {
            self.memory.write(second, rest);
        }
        self.complete(sqe.cid(), 0, Status::new(0, 0));
    }

    fn complete(&mut self, cid: u16, dw0: u32, status: Status) {
        let entries = (self.word(AQA) >> 16 & 0xfff) + 1;
        let (pass, slot) = (self.completions / entries, self.completions % entries);
        let mut cqe = Cqe::new_zeroed();
        cqe.dw0 = dw0.into();
        cqe.sqhd = (self.head as u16).into();
        cqe.cid = cid.into();
        cqe.set_status_field(StatusField::from_status(status).with_p(pass % 2 == 0));
        self.memory.write(self.address(ACQ) + 16 * slot as usize, cqe.as_bytes());
        self.completions += 1;
    }

    fn word(&self, offset: usize) -> u32 {
        let bytes = self.registers[offset..offset + 4].try_into().expect("4 bytes");
        u32::from_le_bytes(bytes)
    }

    fn address(&self, offset: usize) -> usize {
        self.word(offset) as usize | (self.word(offset + 4) as usize) << 32
    }
}

fn controller() -> IdentifyController {
    let mut id = IdentifyController::new_zeroed();
    id.sn = Ascii::new("1");
    id.mn = Ascii::new("Fake");
    id.fr = Ascii::new("0.1");
    id.ver = u32::from(Vs::V2_0).into();
    id.cntrltype = ControllerType::IO;
    id.sqes = QueueEntrySizes::new().with_min(6).with_max(6);
    id.cqes = QueueEntrySizes::new().with_min(4).with_max(4);
    id.nn = 1.into();
    id.aerl_z = 3;
    id
}

fn namespace() -> IdentifyNamespace {
    let mut id = IdentifyNamespace::new_zeroed();
    id.nsze = 1024.into();
    id.ncap = 1024.into();
    id.nuse = 1024.into();
    id.lbaf[0] = LbaFormat::new().with_lbads(9);
    id
}
