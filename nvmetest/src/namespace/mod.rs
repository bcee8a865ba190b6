//! A namespace, and the commands of the NVM Command Set as values.

mod command;
mod dsm;

use zerocopy::FromBytes;

use crate::Error;
use crate::Result;
use crate::controller::Controller;
use crate::controller::Identify;
use crate::spec::IdentifyNamespace;

pub use dsm::DsmAttributes;
pub use dsm::DsmRange;

/// A namespace as it was when it was made: Format NVM changes it.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'c> {
    nsid: u32,
    block: usize,
    /// LBADS: the size of a block as a power of two.
    lbads: u32,
    /// What a block has in a transfer: its metadata may be part of it.
    extended_block: usize,
    blocks: u64,
    /// See `Shared::epoch`.
    epoch: u64,
    controller: &'c Controller,
}

/// The largest block that the driver can work with: nobody has larger ones.
const LARGEST_BLOCK: u32 = 1 << 20;

impl Controller {
    /// Identifies namespace `nsid`.
    ///
    /// # Errors
    ///
    /// Fails if it is not active, if it says of itself what cannot be, or while a command that may change it is in
    /// flight (Format NVM, Namespace Management, Namespace Attachment); and if its data is to be
    /// [verified](Self::verify_data) and there is no memory for that.
    #[track_caller]
    pub fn namespace(&self, nsid: u32) -> Result<Namespace<'_>> {
        if self.shared().is_changing() {
            return Err(Error::Failed(format!(
                "namespace {nsid} cannot be identified while a command is in flight that may change it: wait for it, \
                 or reset the controller if it does not complete"
            )));
        }
        // Before the format is learned, and not after: a command that is submitted meanwhile may change it.
        let epoch = self.shared().epoch();
        let identify = self.identify_namespace(nsid)?;
        if identify.is_inactive() {
            return Err(Error::NotApplicable(format!("namespace {nsid} is not active: NSZE is 0")));
        }
        let nonsense = |what| Err(Error::Nonsense { what, clause: "NVM 4.1.5.1" });
        let format = identify.format();
        // MTELBAS: the metadata of a block follows its data (NVM 4.1.5.1).
        let metadata = usize::from(format.ms());
        if metadata != 0 && !identify.flbas.mtelba() {
            return Err(Error::NotApplicable(format!(
                "namespace {nsid} has {metadata} bytes of metadata in a buffer apart, which cannot be lent yet"
            )));
        }
        match format.data_size() {
            Some(block) if (512..=LARGEST_BLOCK).contains(&block) => {
                let ns = Namespace {
                    nsid,
                    block: block as usize,
                    lbads: block.trailing_zeros(),
                    extended_block: block as usize + metadata,
                    blocks: identify.nsze.get(),
                    epoch,
                    controller: self,
                };
                ns.verify_if_wanted(&identify)?;
                Ok(ns)
            }
            _ => nonsense(format!("LBADS {} of the LBA format in use", format.lbads())),
        }
    }

    /// Identifies the first active namespace of the session: what a test gets as `Namespace`.
    ///
    /// # Errors
    ///
    /// Fails with "not applicable" if there is none.
    #[track_caller]
    pub fn first_namespace(&self) -> Result<Namespace<'_>> {
        match self.first_nsid() {
            Some(nsid) => self.namespace(nsid),
            None => Err(Error::NotApplicable("no namespace is active".to_owned())),
        }
    }

    /// Identify Namespace (NVM 4.1.5.1) for any namespace identifier.
    ///
    /// # Errors
    ///
    /// Fails if the command does.
    #[track_caller]
    pub fn identify_namespace(&self, nsid: u32) -> Result<Box<IdentifyNamespace>> {
        let mut page = self.try_buffer(size_of::<IdentifyNamespace>())?;
        self.identify(Identify::namespace(nsid), &mut page).run(self)?;
        let identify = IdentifyNamespace::read_from_bytes(&page);
        Ok(Box::new(identify.expect("the buffer has the size of the structure")))
    }

    /// The active namespaces (Base 5.1.13.2.2), in ascending order.
    ///
    /// # Errors
    ///
    /// Fails if a list is not ascending, or has no end.
    pub fn active_namespaces(&self) -> Result<Vec<u32>> {
        // More than anybody has: a list that goes on is the device's fault and not the host's memory.
        const MOST: usize = 1 << 20;
        let nonsense = |what| Err(Error::Nonsense { what, clause: "Base 5.1.13.2.2" });
        let mut page = self.try_buffer(4096)?;
        let mut all: Vec<u32> = Vec::new();
        loop {
            let mut last = all.last().copied().unwrap_or(0);
            // A list cannot be asked for behind the last identifiers: they are reserved.
            if u32::MAX - 2 < last {
                return Ok(all);
            }
            self.identify(Identify::active_namespaces(last), &mut page).run(self)?;
            for dword in page.chunks_exact(4) {
                let nsid = u32::from_le_bytes([dword[0], dword[1], dword[2], dword[3]]);
                if nsid == 0 {
                    return Ok(all);
                }
                if nsid <= last {
                    return nonsense(format!("namespace {nsid} behind {last} in the active list"));
                }
                all.push(nsid);
                last = nsid;
            }
            if MOST < all.len() {
                return nonsense(format!(
                    "an active namespace list of more than {} entries",
                    all.len()
                ));
            }
        }
    }
}

impl<'c> Namespace<'c> {
    pub(crate) fn controller(&self) -> &'c Controller {
        self.controller
    }

    /// Whether a block has metadata that follows its data.
    pub(crate) fn has_metadata(&self) -> bool {
        self.extended_block != self.block
    }

    /// Whether the namespace is still what it was when this was made.
    pub(crate) fn is_current(&self) -> bool {
        self.epoch == self.controller.shared().epoch()
    }
}

impl Namespace<'_> {
    /// Returns the namespace identifier.
    #[inline]
    pub fn nsid(&self) -> u32 {
        self.nsid
    }

    /// Returns the number of logical blocks (NSZE).
    pub fn capacity(&self) -> u64 {
        self.blocks
    }

    /// Returns the size of a logical block in bytes.
    #[inline]
    pub fn block(&self) -> usize {
        self.block
    }

    /// What a block has in a transfer, if that is the same for each: PRACT takes metadata off, or leaves it.
    pub(crate) fn exact_block(&self) -> Option<usize> {
        (self.block == self.extended_block).then_some(self.block)
    }

    /// When this was learned: see `Shared::epoch`.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }
}
