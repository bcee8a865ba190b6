//! The Host Memory Buffer: memory that the controller has for itself (Base 5.1.25.2.4, Base 8.2.3).
//!
//! # Why the memory is out of reach
//!
//! A command borrows memory until it completes. A host memory buffer has no such end: from the moment that the
//! controller fetches the Set Features command until it has completed the one that disables the buffer, it may
//! read and write any byte at any time, and no completion tells of it. A reference to such a byte, shared or
//! not, would promise the compiler what the device does not keep. So there is none to be had:
//!
//! - [`Controller::enable_hmb`] takes the [`Buffer`]s by value. What is lent to a command is borrowed, and cannot
//!   be moved; what was moved cannot be touched, lent or dropped.
//! - [`Hmb`] has no access to the bytes, and none to the buffers. They come back from [`Hmb::disable`], when the
//!   controller has said that it is done with them.
//! - The guard owns nothing that matters: the buffers and the descriptor list stand with the controller, in
//!   `Shared`, from before the command is sent. A guard that is forgotten frees nothing; a command that is
//!   refused, by a completion that says so, gives the memory back; and one of which nobody knows how it ended
//!   leaves the memory where it is.
//! - What is left there is free when the controller is disabled or reset, like the memory of queues: from then on
//!   a controller has no claim on any memory. A controller that could not be disabled keeps it for ever.
//! - A guard borrows the controller, so `reset` does not compile while one is used after it; whoever disables the
//!   controller through a shared reference still gets the buffers from the guard.
//! - The driver itself writes the descriptor list before the command is sent, and neither reads nor writes it, or
//!   a buffer, until the memory is the host's again.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::sync::Arc;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::Error;
use crate::Result;
use crate::command::Admin;
use crate::command::Command;
use crate::command::Completion;
use crate::command::Expected;
use crate::memory::Block;
use crate::memory::Buffer;
use crate::memory::PAGE_SIZE;
use crate::spec::AdminOpcode;
use crate::spec::Fid;
use crate::spec::Sqe;
use crate::spec::Status;
use crate::spec::feature::HostMemoryBuffer;
use crate::spec::feature::HostMemoryBufferDescriptor;

use super::Controller;

/// The unit of HMPRE, HMMIN and HMMINDS, in bytes (Base 5.1.13.2.1).
const UNIT: u64 = 4096;

/// The longest descriptor list that is made: 1 MiB.
const MOST_ENTRIES: u32 = 1 << 16;

/// How to enable a host memory buffer, right or wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HmbOptions {
    /// HMNARE: the controller is kept from the memory in non-operational power states; needs CTRATT.HMBR.
    pub restricted: bool,
    /// What is added to the address of each descriptor, in bytes: not zero only to be wrong.
    ///
    /// Each descriptor is a memory page shorter then, so that it stays within its buffer.
    pub skew: u16,
    /// HMDLEC, if not the number of buffers: descriptors of no pages follow.
    pub entries: Option<u32>,
}

/// A host memory buffer that is enabled; disabled when dropped.
///
/// There is no access to the memory as long as it is the controller's:
///
/// ```
/// use nvmetest::prelude::*;
///
/// # fn main() -> Result {
/// # let nvme = nvmetest_fixtures::soft::controller("soft:")?;
/// let wanted = nvme.capabilities().controller.hmpre.get() as usize * 4096;
/// let hmb = nvme.enable_hmb(vec![nvme.buffer(wanted)])?;
/// // The controller works, and may use the memory in any way.
/// let parts = hmb.disable()?;
/// assert_eq!(parts[0].len(), wanted);
/// # Ok(())
/// # }
/// ```
#[must_use = "the host memory buffer is disabled when this is dropped"]
pub struct Hmb<'c> {
    controller: &'c Controller,
    lease: u64,
}

/// A host memory buffer that is disabled, with the contents that the controller left: nobody can have changed them.
///
/// After a reset it may be given back, with MR = 1 (Base 8.2.3).
#[derive(Debug)]
pub struct RetainedHmb {
    parts: Vec<Buffer>,
    list: Arc<Block>,
    count: u32,
    page: u64,
    restricted: bool,
}

/// Why there is no host memory buffer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HmbError {
    /// Nothing was sent.
    #[error("{site}: the host memory buffer cannot be enabled: {why}")]
    Unfit {
        /// What is wrong, and what would do.
        why: String,
        /// The memory.
        parts: Vec<Buffer>,
        /// Where the test enables it.
        site: &'static Location<'static>,
    },
    /// The controller completed Set Features with another status than success.
    #[error("{site}: the controller refused the host memory buffer: status is {status}")]
    Refused {
        /// The status.
        status: Status,
        /// The memory.
        parts: Vec<Buffer>,
        /// Where the test enables it.
        site: &'static Location<'static>,
    },
    /// Nobody knows what the controller did. It may use the memory, which stays with it until it is reset.
    #[error("the controller may have a host memory buffer until it is reset: {0}")]
    Kept(#[source] Error),
}

impl HmbError {
    /// Returns the status with which the controller refused.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the memory, unless the controller may have it.
    pub fn into_parts(self) -> Option<Vec<Buffer>> {
        match self {
            Self::Unfit { parts, .. } | Self::Refused { parts, .. } => Some(parts),
            Self::Kept(_) => None,
        }
    }
}

impl From<HmbError> for Error {
    fn from(error: HmbError) -> Self {
        match error {
            HmbError::Unfit { .. } => Self::Failed(error.to_string()),
            HmbError::Refused { status, site, .. } => Self::Status {
                command: "Set Features (Host Memory Buffer) on queue 0".to_owned(),
                status,
                expected: Expected::One(Status::SUCCESS),
                site,
            },
            HmbError::Kept(error) => error,
        }
    }
}

impl Controller {
    /// Gives `parts` to the controller as its host memory buffer (Base 8.2.3), one descriptor each.
    ///
    /// # Errors
    ///
    /// Fails, with the memory, if it is not what Identify Controller asks for (HMMIN, HMMINDS, HMMAXD, whole memory
    /// pages of CC.MPS), or if the controller refuses it. Fails without it if nobody knows whether the controller
    /// has it.
    #[track_caller]
    pub fn enable_hmb(&self, parts: Vec<Buffer>) -> Result<Hmb<'_>, HmbError> {
        let site = Location::caller();
        if let Err(why) = self.check_limits(&parts) {
            return Err(HmbError::Unfit { why, parts, site });
        }
        self.enable_hmb_with(parts, HmbOptions::default())
    }

    /// As [`enable_hmb`](Self::enable_hmb), whatever Identify Controller says, and as `options` say: to see what
    /// the controller does with it.
    ///
    /// # Errors
    ///
    /// As for [`enable_hmb`](Self::enable_hmb).
    #[track_caller]
    pub fn enable_hmb_with(
        &self,
        parts: Vec<Buffer>,
        options: HmbOptions,
    ) -> Result<Hmb<'_>, HmbError> {
        let site = Location::caller();
        let (list, count) = match self.describe_parts(&parts, options) {
            Ok(list) => list,
            Err(why) => return Err(HmbError::Unfit { why, parts, site }),
        };
        let page = self.shared().page_size();
        let restricted = options.restricted;
        self.lend(RetainedHmb { parts, list, count, page, restricted }, options.skew, false)
    }

    /// Gives the controller back what it had before a reset, with MR = 1 (Base 8.2.3): the same memory at the same
    /// addresses, described by the same list, with the same contents.
    ///
    /// # Errors
    ///
    /// As for [`enable_hmb`](Self::enable_hmb); and if memory pages have another size by now (CC.MPS).
    #[track_caller]
    pub fn return_hmb(&self, memory: RetainedHmb) -> Result<Hmb<'_>, HmbError> {
        let site = Location::caller();
        let now = self.shared().page_size();
        if let Err(why) = self.check_parts(&memory.parts) {
            return Err(HmbError::Unfit { why, parts: memory.parts, site });
        }
        if !memory.list.is_of(self.shared().domain()) {
            let why = "it was another controller's".to_owned();
            return Err(HmbError::Unfit { why, parts: memory.parts, site });
        }
        if memory.page != now {
            let why = format!(
                "memory pages had {} bytes when it was described, and have {now}: enable it anew",
                memory.page
            );
            return Err(HmbError::Unfit { why, parts: memory.parts, site });
        }
        self.lend(memory, 0, true)
    }

    /// Disables the host memory buffer, whether there is one or not (Base 5.1.25.2.4).
    ///
    /// If there is an [`Hmb`], the memory stays its own, until it is [disabled](Hmb::disable) too.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not say that it is done.
    #[track_caller]
    pub fn disable_hmb(&self) -> Result<Completion> {
        let site = Location::caller();
        // A callback may enable one meanwhile: nobody knows which of two commands in flight is executed first.
        let before = self.shared().leases().granted();
        let completion = self.set_hmb(HostMemoryBuffer::new(), 0, 0, 0)?;
        if !completion.status.is_success() {
            let command = "Set Features (Host Memory Buffer, EHM = 0) on queue 0".to_owned();
            let (status, expected) = (completion.status, Expected::One(Status::SUCCESS));
            return Err(Error::Status { command, status, expected, site });
        }
        self.shared().leases().end_of(&before);
        Ok(completion)
    }

    #[track_caller]
    fn lend(&self, memory: RetainedHmb, skew: u16, returned: bool) -> Result<Hmb<'_>, HmbError> {
        let site = Location::caller();
        let short = u32::from(skew != 0);
        let pages = |part: &Buffer| (part.len() as u64 / memory.page) as u32 - short;
        let hsize = memory.parts.iter().map(pages).sum();
        let cdw11 = HostMemoryBuffer::new().with_ehm(true).with_mr(returned);
        let address = memory.list.iova().0;
        let (cdw11, count) = (cdw11.with_hmnare(memory.restricted), memory.count);
        let leases = self.shared().leases();
        // Before the command: from its doorbell on the memory must not be the host's.
        let lease = leases.add(memory);
        match self.set_hmb(cdw11, hsize, address, count) {
            Ok(completion) if completion.status.is_success() => {
                leases.grant(lease);
                Ok(Hmb { controller: self, lease })
            }
            Ok(Completion { status, .. }) => {
                let parts = leases.take(lease).map(|memory| memory.parts).unwrap_or_default();
                Err(HmbError::Refused { status, parts, site })
            }
            Err(error) => Err(HmbError::Kept(error)),
        }
    }

    #[track_caller]
    fn set_hmb(
        &self,
        cdw11: HostMemoryBuffer,
        hsize: u32,
        address: u64,
        count: u32,
    ) -> Result<Completion> {
        let mut sqe = Sqe::with_opcode(AdminOpcode::SET_FEATURES.0);
        sqe.cdw10 = U32::new(Fid::HOST_MEMORY_BUFFER.0.into());
        sqe.cdw11 = U32::new(cdw11.into());
        sqe.cdw12 = U32::new(hsize);
        sqe.cdw13 = U32::new(address as u32);
        sqe.cdw14 = U32::new((address >> 32) as u32);
        sqe.cdw15 = U32::new(count);
        Command::<Admin>::host_memory_buffer(sqe).expect(Expected::Any).run(self)
    }

    /// What any controller must be spared: what is not whole pages of memory that it can reach.
    fn check_parts(&self, parts: &[Buffer]) -> Result<(), String> {
        let page = self.shared().page_size();
        if self.admin().gone().is_some() {
            return Err("the controller is not enabled".to_owned());
        }
        let mut pages = 0_u64;
        for (number, part) in parts.iter().enumerate() {
            let (len, block) = (part.len() as u64, part.block());
            if !len.is_multiple_of(page) || !part.iova().0.is_multiple_of(page) {
                return Err(format!(
                    "buffer {number} has {len} bytes at {:?}, and must be whole memory pages of {page} bytes \
                     (CC.MPS)",
                    part.iova(),
                ));
            }
            if !block.is_of(self.shared().domain()) {
                return Err(format!("buffer {number} was allocated by another controller"));
            }
            if block.is_revoked() {
                return Err(format!(
                    "buffer {number} was taken from the device when a command timed out: allocate another"
                ));
            }
            pages += len / page;
        }
        if u64::from(u32::MAX) < pages {
            return Err(format!("{pages} memory pages are more than HSIZE can say"));
        }
        Ok(())
    }

    /// What Identify Controller asks for (Base 5.1.13.2.1).
    fn check_limits(&self, parts: &[Buffer]) -> Result<(), String> {
        let id = &self.capabilities().controller;
        let units = |field: U32| u64::from(field.get()) * UNIT;
        let (least, least_each) = (units(id.hmmin), units(id.hmminds));
        let (most, count) = (usize::from(id.hmmaxd.get()), parts.len());
        if id.hmpre.get() == 0 {
            return Err("the controller uses none (HMPRE is 0)".to_owned());
        }
        if parts.is_empty() {
            return Err("there are no buffers".to_owned());
        }
        if most != 0 && most < count {
            return Err(format!(
                "{count} buffers are more than the {most} that it can use (HMMAXD)"
            ));
        }
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        if bytes < least {
            return Err(format!("{bytes} bytes are less than the {least} that it needs (HMMIN)"));
        }
        for (number, part) in parts.iter().enumerate() {
            if (part.len() as u64) < least_each {
                return Err(format!(
                    "buffer {number} has {} bytes, less than the {least_each} that a descriptor has (HMMINDS)",
                    part.len(),
                ));
            }
        }
        Ok(())
    }

    /// Writes the descriptor list, and returns it with HMDLEC.
    fn describe_parts(
        &self,
        parts: &[Buffer],
        options: HmbOptions,
    ) -> Result<(Arc<Block>, u32), String> {
        self.check_parts(parts)?;
        let page = self.shared().page_size();
        let skew = u64::from(options.skew);
        let short = parts.iter().any(|part| part.len() as u64 <= page);
        if page <= skew || (skew != 0 && short) {
            return Err(format!(
                "a skew of {skew} bytes needs less than a memory page, and buffers of two memory pages at least"
            ));
        }
        let count = options.entries.unwrap_or(u32::try_from(parts.len()).unwrap_or(u32::MAX));
        // A controller may read as many entries as it is told of, and ones of no pages are ignored.
        let room = count.max(parts.len() as u32).max(1);
        if MOST_ENTRIES < room {
            return Err(format!("a list has {MOST_ENTRIES} descriptors at most, not {room}"));
        }
        let len = room as usize * size_of::<HostMemoryBufferDescriptor>();
        let list = self.shared().domain().allocate(len, PAGE_SIZE);
        let list = list.map_err(|error| error.to_string())?;
        for (number, part) in parts.iter().enumerate() {
            let pages = part.len() as u64 / page - u64::from(skew != 0);
            // `check_parts` has seen that all pages together have room in 32 bits.
            let descriptor = HostMemoryBufferDescriptor::new(part.iova().0 + skew, pages as u32);
            list.write(number * size_of_val(&descriptor), descriptor.as_bytes());
        }
        Ok((Arc::new(list), count))
    }
}

impl Hmb<'_> {
    /// Disables the host memory buffer, and returns the memory when the controller is done with it: it may be read
    /// again.
    ///
    /// # Errors
    ///
    /// Fails if the controller does not say that it is done. The memory stays with it then, until it is reset.
    #[track_caller]
    pub fn disable(self) -> Result<Vec<Buffer>> {
        Ok(self.retain()?.parts)
    }

    /// Disables the host memory buffer, and keeps the memory as it is, to be given back after a reset.
    ///
    /// # Errors
    ///
    /// As for [`disable`](Self::disable).
    #[track_caller]
    pub fn retain(self) -> Result<RetainedHmb> {
        // A controller that refused is not asked again.
        ManuallyDrop::new(self).end()
    }

    #[track_caller]
    fn end(&self) -> Result<RetainedHmb> {
        let leases = self.controller.shared().leases();
        if leases.is_lent(self.lease) {
            self.controller.disable_hmb()?;
        }
        leases.take(self.lease).ok_or_else(|| {
            Error::Failed("the host memory buffer ended with its controller".to_owned())
        })
    }
}

impl Drop for Hmb<'_> {
    fn drop(&mut self) {
        let Err(error) = self.end() else { return };
        // A controller that is gone uses nothing.
        if !error.is_lost() && !matches!(error, Error::QueueGone { .. }) {
            let complaint = format!("the host memory buffer could not be disabled: {error}");
            self.controller.shared().complain(complaint);
        }
    }
}

impl fmt::Debug for Hmb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hmb(lease {})", self.lease)
    }
}

impl RetainedHmb {
    /// Gives up the contents, and returns the memory.
    pub fn into_parts(self) -> Vec<Buffer> {
        self.parts
    }
}

/// The memory that a controller has as its host memory buffer.
///
/// There may be more than one: a controller may accept a second one, or have been given one that nobody knows of.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: RefCell<Vec<Lease>>,
    next: Cell<u64>,
}

#[derive(Debug)]
struct Lease {
    number: u64,
    memory: RetainedHmb,
    /// The command that gave it to the controller is complete.
    is_granted: bool,
    /// The controller has no claim on it any more: it is its guard's, if there still is one.
    is_over: bool,
}

impl Leases {
    fn add(&self, memory: RetainedHmb) -> u64 {
        let number = self.next.replace(self.next.get() + 1);
        self.leases.borrow_mut().push(Lease { number, memory, is_granted: false, is_over: false });
        number
    }

    fn take(&self, number: u64) -> Option<RetainedHmb> {
        let mut leases = self.leases.borrow_mut();
        let place = leases.iter().position(|lease| lease.number == number)?;
        Some(leases.remove(place).memory)
    }

    fn is_lent(&self, number: u64) -> bool {
        self.leases.borrow().iter().any(|lease| lease.number == number && !lease.is_over)
    }

    /// How many bytes the controller has, if any.
    pub(super) fn lent(&self) -> Option<usize> {
        let leases = self.leases.borrow();
        let lent = leases.iter().filter(|lease| !lease.is_over);
        let bytes = lent.flat_map(|lease| &lease.memory.parts).map(|part| part.len());
        bytes.reduce(|sum, len| sum + len)
    }

    fn grant(&self, number: u64) {
        let mut leases = self.leases.borrow_mut();
        let granted = leases.iter_mut().find(|lease| lease.number == number);
        granted.into_iter().for_each(|lease| lease.is_granted = true);
    }

    /// Those that a command which disables the buffer, and is submitted now, ends.
    fn granted(&self) -> Vec<u64> {
        let leases = self.leases.borrow();
        leases.iter().filter(|lease| lease.is_granted).map(|lease| lease.number).collect()
    }

    /// The controller has said that it is done with these.
    fn end_of(&self, numbers: &[u64]) {
        let mut leases = self.leases.borrow_mut();
        let ended = leases.iter_mut().filter(|lease| numbers.contains(&lease.number));
        ended.for_each(|lease| lease.is_over = true);
    }

    /// The controller is disabled: it has no claim on any memory.
    pub(super) fn end(&self) {
        self.leases.borrow_mut().iter_mut().for_each(|lease| lease.is_over = true);
    }

    /// Frees what no guard can ask for: whoever calls this has the controller alone.
    pub(super) fn clear(&self) {
        self.leases.borrow_mut().retain(|lease| !lease.is_over);
    }
}
