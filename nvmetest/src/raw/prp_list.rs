//! PRP Lists by hand (Base 4.3.1).

use std::fmt;
use std::sync::Arc;

use crate::Error;
use crate::Result;
use crate::controller::Controller;
use crate::memory::Block;
use crate::memory::Domain;
use crate::queue::Creation;

use super::ListAddress;
use super::Pointer;
use super::address::FOREIGN;

/// A memory page of PRP entries, right or wrong. It does not change once it is made.
///
/// What is not given names an [unmapped](Controller::unmapped_address) page.
#[derive(Clone)]
pub struct PrpList(Arc<List>);

/// What a [`PrpList`] and the addresses in it share.
pub(super) struct List {
    block: Arc<Block>,
    entries: Vec<Pointer>,
    /// All the memory that a device finds from here, each block once.
    found: Vec<Arc<Block>>,
}

const ENTRY: usize = size_of::<u64>();

impl PrpList {
    /// Returns the address of entry `index`.
    ///
    /// # Panics
    ///
    /// Panics if the page has no such entry.
    #[track_caller]
    pub fn at(&self, index: usize) -> ListAddress {
        self.at_byte(index.saturating_mul(ENTRY))
    }

    /// Returns the address of the byte at `offset`: wrong if that is no multiple of eight.
    ///
    /// # Panics
    ///
    /// Panics if it is not within the page.
    #[track_caller]
    pub fn at_byte(&self, offset: usize) -> ListAddress {
        let len = self.0.block.len();
        assert!(offset < len, "byte {offset} is not within the {len} bytes of a PRP List");
        ListAddress { list: self.0.clone(), at: offset }
    }

    /// Returns how many entries the page has.
    pub fn entries(&self) -> usize {
        self.0.len()
    }
}

impl List {
    pub(super) fn iova(&self) -> u64 {
        self.block.iova().0
    }

    pub(super) fn is_of(&self, domain: &Arc<Domain>) -> bool {
        self.block.is_of(domain)
    }

    /// How many entries the page has.
    pub(super) fn len(&self) -> usize {
        self.block.len() / ENTRY
    }

    /// The entry that was given, if one was.
    pub(super) fn get(&self, index: usize) -> Option<&Pointer> {
        self.entries.get(index)
    }

    pub(super) fn keep(&self, keep: &mut dyn FnMut(&Arc<Block>)) {
        self.found.iter().for_each(keep);
    }
}

impl fmt::Debug for PrpList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.entries).finish()
    }
}

impl Controller {
    /// Makes a PRP List of these entries, from the start of its memory page on.
    ///
    /// # Errors
    ///
    /// Fails if they are more than a page holds (chain another list with its address as the last entry), if one is of
    /// another controller, or if there is no memory left.
    pub fn prp_list(&self, entries: impl IntoIterator<Item = Pointer>) -> Result<PrpList> {
        let page = self.shared().page_size() as usize;
        let most = page / ENTRY;
        let entries: Vec<Pointer> = entries.into_iter().take(most + 1).collect();
        if most < entries.len() {
            return Err(Error::Failed(format!("a memory page has {most} PRP entries")));
        }
        if !entries.iter().all(|entry| entry.is_of(self.shared().domain())) {
            return Err(Error::Failed(FOREIGN.to_owned()));
        }
        let block = Creation(self.shared()).block(page)?;
        let rest = self.shared().domain().unmapped();
        let values = entries.iter().map(Pointer::value).chain(std::iter::repeat(rest));
        let bytes: Vec<u8> = values.take(most).flat_map(u64::to_le_bytes).collect();
        block.write(0, &bytes);
        let mut found = vec![block.clone()];
        for entry in &entries {
            entry.keep(&mut |block| {
                if !found.iter().any(|known| Arc::ptr_eq(known, block)) {
                    found.push(block.clone());
                }
            });
        }
        Ok(PrpList(Arc::new(List { block, entries, found })))
    }
}
