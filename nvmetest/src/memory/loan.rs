//! What a command holds of the memory that it lends to the device.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ops::DerefMut;
use std::ops::Range;
use std::sync::Arc;

use crate::queue::QueueKind;

use super::Block;
use super::Buffer;
use super::PAGE_SIZE;
use super::canary;
use super::canary::Alone;

/// Memory lent to the device for reading.
#[derive(Clone)]
pub struct Slice<'b> {
    pub(super) block: &'b Arc<Block>,
    pub(super) range: Range<usize>,
    pub(super) _borrow: PhantomData<&'b [u8]>,
}

impl Deref for Slice<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: In bounds; shared for `'b`, so nobody writes it.
        unsafe {
            std::slice::from_raw_parts(self.block.pointer(self.range.start), self.range.len())
        }
    }
}

/// Memory lent to the device for writing, exclusively.
pub struct SliceMut<'b> {
    pub(super) block: &'b Arc<Block>,
    pub(super) range: Range<usize>,
    /// What beside the range nobody else can reach while the slice lives, and a canary may stand in.
    pub(super) alone: Alone,
    pub(super) _borrow: PhantomData<&'b mut [u8]>,
}

impl<'b> SliceMut<'b> {
    /// Splits the slice into two disjoint ones.
    ///
    /// # Panics
    ///
    /// Panics if `mid` is past the end.
    pub fn split_at(self, mid: usize) -> (SliceMut<'b>, SliceMut<'b>) {
        let Range { start, end } = self.range;
        assert!(mid <= end - start, "{mid} is not within {} bytes", end - start);
        let (mid, outer) = (start + mid, self.alone.around(&self.range));
        let part = |range, exclusive| self.part(range, exclusive);
        (part(start..mid, outer.start..mid), part(mid..end, mid..outer.end))
    }

    /// Keeps a part of the slice. What is given up on either side is nobody's then, and watched by a canary while a
    /// command has the part.
    ///
    /// # Panics
    ///
    /// Panics if the range is not within the slice.
    pub fn narrow(self, range: Range<usize>) -> SliceMut<'b> {
        let Range { start, end } = self.range;
        assert!(range.start <= range.end && range.end <= end - start);
        self.part(start + range.start..start + range.end, self.alone.around(&self.range))
    }

    /// Splits the slice into disjoint parts of `len` bytes; see [`Buffer::chunks_mut`] on what is watched between
    /// them.
    ///
    /// # Panics
    ///
    /// Panics if `len` is zero.
    pub fn into_chunks(self, len: usize) -> impl Iterator<Item = SliceMut<'b>> {
        assert!(0 < len);
        let Range { start, end } = self.range;
        let outer = self.alone.around(&self.range);
        (start..end).step_by(len).map(move |at| {
            let to = end.min(at.saturating_add(len));
            let first = if at == start { outer.start } else { at };
            let last = if to == end { outer.end } else { to };
            self.part(at..to, first..last)
        })
    }

    /// A part of the slice; no two have any byte of `exclusive` in common.
    fn part(&self, range: Range<usize>, exclusive: Range<usize>) -> SliceMut<'b> {
        let alone = Alone::within(&exclusive, &range);
        SliceMut { block: self.block, range, alone, _borrow: PhantomData }
    }
}

impl Deref for SliceMut<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: In bounds; exclusive for `'b`, and not in flight, for a command in flight owns its loan.
        unsafe {
            std::slice::from_raw_parts(self.block.pointer(self.range.start), self.range.len())
        }
    }
}

impl DerefMut for SliceMut<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: As in `deref`.
        unsafe {
            std::slice::from_raw_parts_mut(self.block.pointer(self.range.start), self.range.len())
        }
    }
}

/// Memory that any number of commands may overwrite, and the host does not read.
#[derive(Clone, Copy)]
pub struct Sink<'b> {
    pub(super) block: &'b Arc<Block>,
    pub(super) len: usize,
    pub(super) _borrow: PhantomData<&'b mut [u8]>,
}

impl<'b> Sink<'b> {
    /// Returns the first `len` bytes.
    ///
    /// # Panics
    ///
    /// Panics if the sink is shorter.
    pub fn first(self, len: usize) -> Sink<'b> {
        assert!(len <= self.len, "{len} is not within {} bytes", self.len);
        Sink { len, ..self }
    }
}

/// A piece of memory that is contiguous for the device, and kept alive by a command in flight.
#[doc(hidden)]
#[derive(Clone)]
pub struct Place {
    pub(crate) block: Arc<Block>,
    pub(crate) iova: u64,
    pub(crate) len: usize,
    /// Whether it was lent for writing, too.
    pub(crate) writable: bool,
    /// How many bytes behind it nobody else has: the rest of the page, if the loan goes to the end of its buffer.
    pub(crate) slack: usize,
    /// How many bytes before and behind it a canary may have: they are of the same buffer, and nobody else's.
    pub(crate) margins: [u8; 2],
    /// What the device keeps using it for: a queue, whose memory `Shared` holds until the device has lost it.
    pub(crate) queue: Option<QueueKind>,
}

impl Place {
    #[inline]
    fn new(block: &Arc<Block>, range: &Range<usize>, writable: bool) -> Self {
        assert!(
            !block.is_revoked(),
            "the buffer was taken from the device when a command timed out: allocate another",
        );
        let iova = block.iova_of(range.start);
        Self {
            block: block.clone(),
            iova,
            len: range.len(),
            writable,
            slack: if range.end == block.len() { block.slack() } else { 0 },
            margins: [0; 2],
            queue: None,
        }
    }

    /// Where it is in its block.
    pub(crate) fn range(&self) -> Range<usize> {
        let start = (self.iova - self.block.iova().0) as usize;
        start..start + self.len
    }

    /// Whether there is something of its pages beside it that a canary could watch.
    #[inline]
    fn has_edges(&self) -> bool {
        self.slack != 0 || self.margins != [0; 2]
    }
}

/// All the pieces of a command's data, in their order.
#[doc(hidden)]
#[derive(Clone)]
pub enum Places {
    /// No data.
    None,
    /// The common case.
    One(Place),
    /// A scattered transfer.
    Many(Vec<Place>),
}

impl Places {
    pub(crate) fn as_slice(&self) -> &[Place] {
        match self {
            Self::None => &[],
            Self::One(place) => std::slice::from_ref(place),
            Self::Many(places) => places,
        }
    }

    /// Whether there is something beside a place that a canary could watch.
    #[inline]
    pub(crate) fn have_edges(&self) -> bool {
        match self {
            Self::None => false,
            Self::One(place) => place.has_edges(),
            Self::Many(places) => places.iter().any(Place::has_edges),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().iter().map(|place| place.len).sum()
    }
}

mod sealed {
    /// Keeps the traits below closed: an implementation outside this module could lend shared memory to a
    /// command that writes it.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be made something that is lent to a device",
        label = "the trait is closed",
        note = "what is lent is a `Buffer`, borrowed, or a `Slice`, `SliceMut` or `Sink` of one: a type of your own has a method that returns one of them"
    )]
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::Slice<'_> {}
    impl Sealed for super::SliceMut<'_> {}
    impl Sealed for super::Sink<'_> {}
    impl Sealed for &super::Buffer {}
    impl Sealed for &mut super::Buffer {}
    impl Sealed for crate::queue::QueueMemory<'_> {}
    impl<T: Sealed> Sealed for Vec<T> {}
}

/// What is called with a block, for as long as it is lent, and a range of it.
#[doc(hidden)]
pub trait Lend<'l, T>: FnOnce(&'l Arc<Block>, Range<usize>) -> Option<T> {}
impl<'l, T, F: FnOnce(&'l Arc<Block>, Range<usize>) -> Option<T>> Lend<'l, T> for F {}

/// The memory a command transfers to or from; see [`DeviceRead`] and [`DeviceWrite`].
pub trait Data: sealed::Sealed {
    /// Where the data is.
    #[doc(hidden)]
    fn places(&self) -> Places;
    /// How many bytes it is.
    #[doc(hidden)]
    fn bytes(&self) -> usize;
    /// Calls `lend` with the data's block and its range there, if it is one piece of whole pages: then nothing is
    /// beside it.
    #[doc(hidden)]
    #[inline]
    fn as_pages<'l, T>(&self, _lend: impl Lend<'l, T>) -> Option<T>
    where
        Self: 'l,
    {
        None
    }
}

#[inline]
fn is_pages(range: &Range<usize>) -> bool {
    (range.start | range.end) & (PAGE_SIZE - 1) == 0
}

impl Data for () {
    #[inline]
    fn places(&self) -> Places {
        Places::None
    }
    #[inline]
    fn bytes(&self) -> usize {
        0
    }
}

impl Data for Slice<'_> {
    #[inline]
    fn places(&self) -> Places {
        Places::One(Place::new(self.block, &self.range, false))
    }
    #[inline]
    fn bytes(&self) -> usize {
        self.range.end - self.range.start
    }
    #[inline]
    fn as_pages<'l, T>(&self, lend: impl Lend<'l, T>) -> Option<T>
    where
        Self: 'l,
    {
        if is_pages(&self.range) { lend(self.block, self.range.clone()) } else { None }
    }
}

impl Data for SliceMut<'_> {
    #[inline]
    fn places(&self) -> Places {
        let margins = canary::margins(&self.range, &self.alone.around(&self.range));
        Places::One(Place { margins, ..Place::new(self.block, &self.range, true) })
    }
    #[inline]
    fn bytes(&self) -> usize {
        self.range.end - self.range.start
    }
    #[inline]
    fn as_pages<'l, T>(&self, lend: impl Lend<'l, T>) -> Option<T>
    where
        Self: 'l,
    {
        if is_pages(&self.range) { lend(self.block, self.range.clone()) } else { None }
    }
}

impl Data for Sink<'_> {
    #[inline]
    fn places(&self) -> Places {
        Places::One(Place::new(self.block, &(0..self.len), true))
    }
    #[inline]
    fn bytes(&self) -> usize {
        self.len
    }
    #[inline]
    fn as_pages<'l, T>(&self, lend: impl Lend<'l, T>) -> Option<T>
    where
        Self: 'l,
    {
        if is_pages(&(0..self.len)) { lend(self.block, 0..self.len) } else { None }
    }
}

impl<T: Data> Data for Vec<T> {
    #[inline]
    fn places(&self) -> Places {
        Places::Many(self.iter().flat_map(|piece| piece.places().as_slice().to_vec()).collect())
    }
    #[inline]
    fn bytes(&self) -> usize {
        self.iter().map(Data::bytes).sum()
    }
}

impl Data for crate::queue::QueueMemory<'_> {
    #[inline]
    fn places(&self) -> Places {
        let place = Place::new(self.block(), &self.range(), true);
        Places::One(Place { queue: Some(self.kind()), ..place })
    }
    #[inline]
    fn bytes(&self) -> usize {
        self.range().len()
    }
}

/// Something that can be lent to a command that reads host memory.
#[diagnostic::on_unimplemented(
    message = "the device cannot read from `{Self}`",
    label = "not borrowed DMA memory",
    note = "a command that sends data takes `&Buffer`, a `Slice`, or a `Vec<Slice>`; allocate one with `nvme.buffer(len)`"
)]
pub trait DeviceRead: sealed::Sealed {
    /// The form in which the command holds the loan.
    type Lent: Data;
    /// Lends the memory.
    fn lend(self) -> Self::Lent;
}

impl<'b> DeviceRead for &'b Buffer {
    type Lent = Slice<'b>;
    #[inline]
    fn lend(self) -> Slice<'b> {
        self.slice(0..self.len())
    }
}

impl<'b> DeviceRead for Slice<'b> {
    type Lent = Slice<'b>;
    #[inline]
    fn lend(self) -> Slice<'b> {
        self
    }
}

/// A gathered transfer: the pieces are one run of data for the command.
impl<'b> DeviceRead for Vec<Slice<'b>> {
    type Lent = Vec<Slice<'b>>;
    #[inline]
    fn lend(self) -> Vec<Slice<'b>> {
        self
    }
}

/// Something that can be lent to a command that writes host memory.
#[diagnostic::on_unimplemented(
    message = "the device cannot write to `{Self}`",
    label = "not exclusively borrowed DMA memory",
    note = "a command that returns data takes `&mut Buffer`, a `SliceMut`, a `Sink`, or a `Vec<SliceMut>`; allocate a buffer with `nvme.buffer(len)`"
)]
pub trait DeviceWrite: sealed::Sealed {
    /// The form in which the command holds the loan.
    type Lent: Data;
    /// Lends the memory.
    fn lend(self) -> Self::Lent;
}

impl<'b> DeviceWrite for &'b mut Buffer {
    type Lent = SliceMut<'b>;
    #[inline]
    fn lend(self) -> SliceMut<'b> {
        self.as_mut()
    }
}

impl<'b> DeviceWrite for SliceMut<'b> {
    type Lent = SliceMut<'b>;
    #[inline]
    fn lend(self) -> SliceMut<'b> {
        self
    }
}

impl<'b> DeviceWrite for Sink<'b> {
    type Lent = Sink<'b>;
    #[inline]
    fn lend(self) -> Sink<'b> {
        self
    }
}

/// A scattered transfer: the pieces are one run of data for the command.
impl<'b> DeviceWrite for Vec<SliceMut<'b>> {
    type Lent = Vec<SliceMut<'b>>;
    #[inline]
    fn lend(self) -> Vec<SliceMut<'b>> {
        self
    }
}
