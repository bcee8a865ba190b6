//! How a command's data is described to the device.

/// How the addresses of a command's data are given to the device: PRPs or SGLs (Base 4.3).
///
/// What the device may touch is always within the loan: the deliberately wrong layouts skew or shorten what
/// is described, and never point elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Layout {
    /// PRP entries, and a PRP List where two are too few.
    #[default]
    Prp,
    /// PRPs, with `by` added to one of them: number 0 is PRP Entry 1, number 1 the next page, and so on.
    ///
    /// Only the first may have an offset, and it must be a multiple of four: anything else is PRP Offset
    /// Invalid. The loan must hold a whole page more than the command transfers, in case that a device takes
    /// the address for good: lend more, and say how much is to be transferred with `blocks`.
    SkewedPrp {
        /// Which entry.
        entry: usize,
        /// What is added to it, in bytes.
        by: u64,
    },
    /// PRPs, of which number `entry` and all behind it name a page at which no memory is (as
    /// [`Controller::unmapped_address`](crate::Controller::unmapped_address)): a Data Transfer Error where the device
    /// reads, and may be data that is lost where it writes.
    ///
    /// With `entry` 0 nothing of the loan is described; a transfer with fewer entries is described in full.
    UnmappedPrp {
        /// The first entry that names nothing.
        entry: usize,
    },
    /// PRPs, and yet PSDT 11b, which is reserved (Base 4.1): Invalid Field in Command.
    ///
    /// The loan must fit into one memory page: a device that takes the PRPs for an SGL descriptor then finds
    /// one of no length.
    ReservedPsdt,
    /// PRPs, with a PRP List that starts at entry `entry` of its memory page, and not with the page.
    ///
    /// What does not fit into the rest of the page is in further pages: so a short transfer has a chained
    /// list, too. A transfer that needs no list has none.
    PrpListAt {
        /// Which entry of the page, from 0 on; a page of 4 KiB has 512.
        entry: usize,
    },
    /// An SGL with one data block for each piece of the loan.
    Sgl,
    /// An SGL whose data blocks have these lengths; what is left is one more block for each piece.
    SglBlocks {
        /// The lengths in bytes.
        lengths: Vec<usize>,
        /// How many descriptors a segment holds at most.
        per_segment: usize,
    },
    /// An SGL that describes no more than this many bytes of the loan.
    ShortSgl {
        /// The length in bytes.
        len: usize,
    },
}
