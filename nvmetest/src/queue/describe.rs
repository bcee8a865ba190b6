//! The data pointer of a command: PRPs or an SGL (Base 4.3).

use std::sync::Arc;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U64;

use crate::command;
use crate::command::Layout;
use crate::command::Plan;
use crate::command::Terms;
use crate::controller::Shared;
use crate::memory::Block;
use crate::memory::PAGE_SIZE;
use crate::memory::Places;
use crate::memory::prp;
use crate::memory::prp::Piece;
use crate::memory::prp::Prps;
use crate::memory::sgl;
use crate::spec::SglDescriptor;
use crate::spec::Sqe;
use crate::spec::sqe::Psdt;

/// How many PRP entries the slot's own page holds.
const ENTRIES: usize = PAGE_SIZE / size_of::<u64>();

/// What a controller finds behind the data that is described.
#[derive(Clone, Copy)]
struct End {
    /// What stands where there is no address.
    null: u64,
    /// Whether it does not look there: how much the command writes is known, and lent.
    is_known: bool,
}

/// Where the list of a command stands.
type ListPlace = (Arc<Block>, usize);

/// The PRP entries of the plainest of commands: an I/O command that lends one piece, all of which it transfers, and
/// for which two entries are enough.
///
/// What such a command lends is as [`command::check`] wants it. All other commands are for [`data_pointer`].
#[inline]
pub(super) fn plain(
    sqe: &Sqe,
    places: &Places,
    plan: &Plan,
    admin: bool,
    page: u64,
) -> Option<[U64; 2]> {
    let (Layout::Prp, None, Places::One(place)) = (&plan.layout, plan.transfer, places) else {
        return None;
    };
    let fits = match command::written(sqe, false, plan.block) {
        Some(wanted) => wanted == place.len && place.writable,
        None => !command::writes(sqe),
    };
    // The size of a page is a power of two.
    let second = (place.iova & !(page - 1)) + page;
    let end = place.iova + place.len as u64;
    if admin || !fits || second + page < end || place.queue.is_some() {
        return None;
    }
    Some([U64::new(place.iova), U64::new(if end <= second { 0 } else { second })])
}

/// Writes DPTR and PSDT of `sqe`, and the list that they point to, if one is needed.
///
/// A list that fits into a page stands in the slot's own, which `own_list` finds; a longer one is returned,
/// to be kept until the command is complete.
pub(super) fn data_pointer(
    sqe: &mut Sqe,
    places: &Places,
    plan: &Plan,
    (is_admin, wanted): (bool, Option<usize>),
    shared: &Shared,
    own_list: impl FnOnce() -> Result<ListPlace, String>,
) -> Result<Option<Arc<Block>>, String> {
    sqe.mptr = U64::ZERO;
    if let Places::One(place) = places
        && let Some(kind) = place.queue
    {
        // The memory of a queue: PRP Entry 1 is all there is (Base 5.2.1, Base 5.2.2). From the doorbell on the
        // device may keep it, whatever becomes of the command and of who sent it.
        shared.claims().add(kind, sqe.cdw10.get() as u16, &place.block);
        sqe.set_psdt(Psdt::PRP);
        sqe.dptr = [U64::new(place.iova), U64::ZERO];
        return Ok(None);
    }
    let page = shared.page_size();
    let is_known = wanted.is_some() && places.len() != 0;
    // A controller that goes on behind what is described must find nothing there, nor addresses to follow.
    let ends_in_memory = shared.domain().null_is_memory() && command::writes(sqe) && !is_known;
    let null = if ends_in_memory { shared.domain().unmapped() } else { 0 };
    let end = End { null, is_known };
    if !is_admin {
        sqe.mptr = U64::new(null);
    }
    match &plan.layout {
        Layout::Prp
        | Layout::SkewedPrp { .. }
        | Layout::UnmappedPrp { .. }
        | Layout::PrpListAt { .. } => {
            sqe.set_psdt(Psdt::PRP);
            let transfer = described(places, plan, wanted);
            let mut prps = match plan.layout {
                Layout::SkewedPrp { entry, by } => skewed(places, plan.transfer, entry, by, page)?,
                _ => prp::entries(&pieces(places, transfer), page)
                    .map_err(|error| error.to_string())?,
            };
            check_extent(sqe, places, plan, wanted, &prps, page)?;
            if let Layout::UnmappedPrp { entry } = plan.layout {
                unmap_from(&mut prps, entry, shared.domain().unmapped(), page);
            }
            let start = match plan.layout {
                Layout::PrpListAt { entry } => Some(entry),
                _ => None,
            };
            prp_pointer(sqe, &prps, (page, start), end, shared, own_list)
        }
        Layout::ReservedPsdt => {
            let prps = prp::entries(&pieces(places, plan.transfer), page);
            let prps = prps.map_err(|error| error.to_string())?;
            check_extent(sqe, places, plan, wanted, &prps, page)?;
            let Prps::Entries(prp1, 0) = prps else {
                return Err(format!("more than a memory page of {page} bytes with PSDT 11b"));
            };
            sqe.set_psdt(Psdt(0b11));
            sqe.dptr = [U64::new(prp1), U64::new(null)];
            Ok(None)
        }
        Layout::Sgl => sgl_pointer(sqe, &pieces(places, None), &[], 256, shared, own_list),
        Layout::SglBlocks { lengths, per_segment } => {
            let pieces = pieces(places, None);
            sgl_pointer(sqe, &pieces, lengths, (*per_segment).max(2), shared, own_list)
        }
        Layout::ShortSgl { len } => {
            sgl_pointer(sqe, &pieces(places, Some(*len)), &[], 256, shared, own_list)
        }
    }
}

/// Whether a controller that follows the standard writes what is lent, and how many bytes behind the end of it, where
/// there is nothing but the rest of the page. Nobody knows that of a data pointer that is the test's own.
pub(super) fn extent(sqe: &Sqe, places: &Places, plan: &Plan, terms: &Terms) -> (bool, usize) {
    if terms.verbatim {
        return (false, usize::MAX);
    }
    let may_go_on =
        command::writes(sqe) && plan.transfer.is_none() && sqe.psdt() != Psdt::SGL_MPTR_CONTIGUOUS;
    let wanted = command::written(sqe, terms.admin, plan.block).unwrap_or(usize::MAX);
    let beyond = if may_go_on { wanted.saturating_sub(places.len()) } else { 0 };
    (command::writes(sqe), beyond)
}

/// The first `len` bytes of the places, or all.
fn pieces(places: &Places, len: Option<usize>) -> Vec<Piece> {
    let mut left = len.unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    for place in places.as_slice() {
        let here = place.len.min(left);
        if 0 < here {
            pieces.push((place.iova, here));
        }
        left -= here;
    }
    pieces
}

/// How many bytes PRPs describe, if not all: what a controller does not want, it would take for a list.
fn described(places: &Places, plan: &Plan, wanted: Option<usize>) -> Option<usize> {
    plan.transfer.or_else(|| wanted.filter(|wanted| *wanted < places.len()))
}

/// Refuses what would let a controller that follows the standard write behind the loan, or take its data for a
/// PRP List: PRPs say where the data is, and not how much of it there is.
fn check_extent(
    sqe: &Sqe,
    places: &Places,
    plan: &Plan,
    wanted: Option<usize>,
    prps: &Prps,
    page: u64,
) -> Result<(), String> {
    let Some(last) = places.as_slice().last() else { return Ok(()) };
    if !command::writes(sqe) {
        return Ok(());
    }
    let lent = plan.transfer.unwrap_or(places.len());
    let slack = if plan.transfer.is_none() { last.slack } else { 0 };
    if let Some(wanted) = wanted {
        return if wanted <= lent + slack {
            Ok(())
        } else {
            Err(format!("the command writes {wanted} bytes, and {lent} are lent to it"))
        };
    }
    let ends_with_page =
        plan.transfer.is_none() && (last.iova + (last.len + slack) as u64).is_multiple_of(page);
    let may_be_list = match prps {
        Prps::Entries(_, second) => *second != 0,
        Prps::List(_, list) => ENTRIES <= list.len(),
    };
    if ends_with_page && !may_be_list {
        return Ok(());
    }
    Err(format!(
        "the driver does not know how much the command writes, so PRPs for it describe one whole memory page, \
         or three to {ENTRIES}: lend as much, or use an SGL"
    ))
}

/// Replaces entry `first` and those behind it. The offset stays: the number of entries follows from it, and with that
/// whether PRP Entry 2 is data or a list.
fn unmap_from(prps: &mut Prps, first: usize, unmapped: u64, page: u64) {
    let (first_entry, rest) = match prps {
        Prps::Entries(first, 0) => (first, &mut [][..]),
        Prps::Entries(first, second) => (first, std::slice::from_mut(second)),
        Prps::List(first, list) => (first, &mut list[..]),
    };
    let entries = std::iter::once(first_entry).chain(rest);
    entries.skip(first).for_each(|entry| *entry = unmapped + *entry % page);
}

/// PRPs of which one is off by some bytes. Whatever a controller makes of it is within the loan.
fn skewed(
    places: &Places,
    transfer: Option<usize>,
    entry: usize,
    by: u64,
    page: u64,
) -> Result<Prps, String> {
    let Places::One(place) = places else {
        return Err("a skew needs a loan in one piece".to_owned());
    };
    let transfer = transfer.unwrap_or(place.len);
    let spare = place.len - transfer;
    if page <= by || (spare as u64) < page {
        return Err(format!(
            "a skew of {by} bytes needs less than a page, and a loan with a page of {page} bytes more than \
             the {transfer} bytes of the transfer",
        ));
    }
    // The first entry may have an offset: what is described is then only further on, and may need an entry more.
    let start = if entry == 0 { place.iova + by } else { place.iova };
    let mut prps = prp::entries(&[(start, transfer)], page).map_err(|error| error.to_string())?;
    if let Prps::List(_, list) = &mut prps {
        if ENTRIES <= list.len() {
            return Err(format!(
                "a skew needs a transfer with a PRP List of less than {ENTRIES} entries"
            ));
        }
        // For a controller that takes the offset of another entry for good, and needs an entry more.
        let next = list.last().map(|last| last + page);
        list.extend(next);
    }
    let target = match (&mut prps, entry) {
        (_, 0) => return Ok(prps),
        (Prps::Entries(_, second), 1) if *second != 0 => Some(second),
        // The last is the one that was added.
        (Prps::List(_, list), _) if entry < list.len() => list.get_mut(entry - 1),
        _ => None,
    };
    *target.ok_or_else(|| format!("the transfer has no PRP entry number {entry}"))? += by;
    Ok(prps)
}

/// Writes PRP Entry 1 and 2, and the PRP List, which starts at an entry of its page where `start` says so.
fn prp_pointer(
    sqe: &mut Sqe,
    prps: &Prps,
    (page, start): (u64, Option<usize>),
    end: End,
    shared: &Shared,
    own_list: impl FnOnce() -> Result<ListPlace, String>,
) -> Result<Option<Arc<Block>>, String> {
    let (first, entries) = match prps {
        Prps::Entries(first, second) => {
            let or_end = |entry: u64| U64::new(if entry == 0 { end.null } else { entry });
            sqe.dptr = [or_end(*first), or_end(*second)];
            return Ok(None);
        }
        Prps::List(first, entries) => (*first, entries),
    };
    // The slot's page is the last part of a memory page at the worst: all of it is entries then, too. In what follows
    // in a larger memory page are the lists of other slots, so a controller must not read on.
    let fits = start.is_none()
        && entries.len() * size_of::<u64>() <= PAGE_SIZE
        && (end.is_known || page == PAGE_SIZE as u64);
    let (block, at) = if fits {
        own_list()?
    } else {
        let per_page = page as usize / size_of::<u64>();
        let start = start.unwrap_or(0);
        if per_page <= start {
            return Err(format!("a memory page has {per_page} PRP entries, and no entry {start}"));
        }
        // One entry in each page points to the next page.
        let pages = (start + entries.len() + 1).div_ceil(per_page - 1);
        let block = shared.domain().allocate(pages * page as usize, page as usize);
        (Arc::new(block.map_err(|error| error.to_string())?), start * size_of::<u64>())
    };
    let address = block.iova().0 + at as u64;
    let mut list = if fits { entries.clone() } else { prp::lay_out(entries, address, page) };
    // What an earlier command left there is not to be found by one that reads on.
    let room = if fits { ENTRIES } else { (block.len() - at) / size_of::<u64>() };
    list.resize(list.len().max(room), end.null);
    let list: Vec<U64> = list.into_iter().map(U64::new).collect();
    block.write(at, list.as_bytes());
    sqe.dptr = [U64::new(first), U64::new(address)];
    Ok((!fits).then_some(block))
}

fn sgl_pointer(
    sqe: &mut Sqe,
    pieces: &[Piece],
    lengths: &[usize],
    per_segment: usize,
    shared: &Shared,
    own_list: impl FnOnce() -> Result<ListPlace, String>,
) -> Result<Option<Arc<Block>>, String> {
    sqe.set_psdt(Psdt::SGL_MPTR_CONTIGUOUS);
    let blocks = sgl::blocks(pieces, lengths);
    if blocks.is_empty() {
        sqe.dptr = SglDescriptor::data_block(0, 0).to_dptr();
        return Ok(None);
    }
    if let [(address, len)] = *blocks {
        let len = u32::try_from(len).map_err(|_| "a block of an SGL has less than 4 GiB")?;
        sqe.dptr = SglDescriptor::data_block(address, len).to_dptr();
        return Ok(None);
    }
    // A pointer to the next segment for each segment but the last.
    let descriptors = blocks.len() + blocks.len() / (per_segment - 1);
    let bytes = descriptors * size_of::<SglDescriptor>();
    let fits = bytes <= PAGE_SIZE;
    let (block, at) = if fits {
        own_list()?
    } else {
        let block = shared.domain().allocate(bytes, PAGE_SIZE);
        (Arc::new(block.map_err(|error| error.to_string())?), 0)
    };
    let sgl = sgl::lay_out(&blocks, block.iova().0 + at as u64, per_segment);
    block.write(at, sgl.segments.as_bytes());
    sqe.dptr = sgl.first.to_dptr();
    Ok((!fits).then_some(block))
}
