//! The PRP Lists of all slots (Base 4.3.1).

use std::sync::Arc;

use zerocopy::IntoBytes;

use crate::Result;
use crate::ioworker::job::Lists;
use crate::ioworker::job::Work;
use crate::memory::Block;
use crate::memory::prp;
use crate::memory::prp::Prps;

use super::IoWorkerBuilder;

/// The lists that there are, for which sizes.
#[derive(Debug, Default)]
pub(super) struct AllLists {
    /// Those for each size of the job, if it needs one.
    pub(super) of_sizes: Vec<Option<Lists>>,
    pub(super) blocks: Vec<Arc<Block>>,
}

impl IoWorkerBuilder<'_> {
    /// Writes the PRP Lists of all slots for each size that two entries are not enough for.
    ///
    /// The list of a short transfer is the beginning of that of a longer one, unless it ends exactly with a page: there the
    /// longer one goes on with a pointer. So few lists serve many sizes.
    pub(super) fn lists(&self, data: &Block, slot_bytes: u64, work: &Work) -> Result<AllLists> {
        let page = self.ns.controller().shared().page_size();
        let pages = |bytes: u64| bytes.div_ceil(page);
        let needs: Vec<Option<u64>> = work
            .sizes
            .iter()
            .map(|size| Some(pages(work.bytes(size))).filter(|pages| 2 < *pages))
            .collect();
        if !work.transfers_blocks() {
            return Ok(AllLists { of_sizes: vec![None; needs.len()], blocks: vec![] });
        }
        let mut made: Vec<(u64, Lists)> = vec![];
        let mut all = AllLists::default();
        let mut longest_first: Vec<u64> = needs.iter().copied().flatten().collect();
        longest_first.sort_unstable_by(|one, other| other.cmp(one));
        longest_first.dedup();
        for count in longest_first {
            if made.iter().any(|(longer, _)| serves(*longer, count, page)) {
                continue;
            }
            let (lists, block) = self.write_lists(data, slot_bytes, count, work.depth)?;
            made.push((count, lists));
            all.blocks.push(block);
        }
        let lists_for = |count: u64| {
            made.iter().find(|(longer, _)| serves(*longer, count, page)).map(|(_, lists)| *lists)
        };
        all.of_sizes = needs.into_iter().map(|count| count.and_then(lists_for)).collect();
        Ok(all)
    }

    /// Writes a list of `pages` pages for each slot.
    fn write_lists(
        &self,
        data: &Block,
        slot_bytes: u64,
        pages: u64,
        depth: u16,
    ) -> Result<(Lists, Arc<Block>)> {
        let page = self.ns.controller().shared().page_size();
        let depth = u64::from(depth);
        // A list of so many pages has less pointers to its next page than entries, twice the entries are enough.
        let list_bytes = (2 * pages * size_of::<u64>() as u64).next_multiple_of(page);
        let bytes = usize::try_from(list_bytes * depth).unwrap_or(usize::MAX);
        let block = self.block(bytes)?;
        for slot in 0..depth {
            let piece = (data.iova().0 + slot * slot_bytes, (pages * page) as usize);
            let at = slot * list_bytes;
            let Ok(Prps::List(_, entries)) = prp::entries(&[piece], page) else {
                unreachable!("one piece of more than two pages that starts with a page has a list");
            };
            let list = prp::lay_out(&entries, block.iova().0 + at, page);
            let list: Vec<u64> = list.into_iter().map(u64::to_le).collect();
            block.write(at as usize, list.as_bytes());
        }
        Ok((Lists { iova: block.iova().0, slot_bytes: list_bytes }, block))
    }
}

/// Whether the list for `longer` pages begins with that for `count` pages.
fn serves(longer: u64, count: u64, page: u64) -> bool {
    let in_page = page / size_of::<u64>() as u64;
    // PRP1 is the first page. All pages of the list but the last have a pointer in the place of their last entry.
    let entries = count - 1;
    let is_full = in_page <= entries && (entries - in_page).is_multiple_of(in_page - 1);
    longer == count || count < longer && !is_full
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    fn list(pages: u64) -> Vec<u64> {
        let piece = (1 << 40, (pages * PAGE) as usize);
        let Ok(Prps::List(_, entries)) = prp::entries(&[piece], PAGE) else { panic!("{pages}") };
        prp::lay_out(&entries, 1 << 30, PAGE)
    }

    #[test]
    fn a_list_serves_those_that_it_begins_with() {
        let counts = [3, 4, 100, 511, 512, 513, 514, 1000, 1023, 1024, 1025, 1535, 1536];
        for longer in counts {
            for count in counts {
                let is_beginning = list(longer).starts_with(&list(count));
                assert_eq!(serves(longer, count, PAGE), is_beginning, "{count} of {longer}");
            }
        }
    }
}
