//! What may stand where a device takes an address.

use std::fmt;
use std::sync::Arc;

use crate::controller::Controller;
use crate::memory::Block;
use crate::memory::Domain;

use super::prp_list::List;

/// The address of data: a place in a [`Memory`](super::Memory), null, or an address at which nothing is.
///
/// It keeps what it names. It is made by [`Memory::at`](super::Memory::at),
/// [`Controller::unmapped_address`], or is [`Address::NULL`]; never from a number.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub(super) Target);

#[derive(Clone)]
pub(super) enum Target {
    Null,
    Unmapped(u64),
    Data { block: Arc<Block>, at: usize },
}

/// The address of an entry of a PRP List, made by [`PrpList::at`](super::PrpList::at). No data can be there.
#[derive(Clone)]
pub struct ListAddress {
    pub(super) list: Arc<List>,
    /// In bytes.
    pub(super) at: usize,
}

/// What PRP Entry 2 and the entries of a PRP List hold: the address of data, or of a PRP List (Base 4.3.1).
#[derive(Clone)]
pub enum Pointer {
    /// Data.
    Data(Address),
    /// A PRP List.
    List(ListAddress),
}

/// Why an address is refused that is none of the controller's.
pub(super) const FOREIGN: &str = "an address is of another controller, and means other memory to this one, or none: make \
                                  it with this controller's `shared_memory`, `prp_list` or `unmapped_address`";

impl Address {
    /// Address 0h.
    pub const NULL: Self = Self(Target::Null);

    /// Returns the number that the device is told.
    pub fn value(&self) -> u64 {
        match &self.0 {
            Target::Null => 0,
            Target::Unmapped(address) => *address,
            Target::Data { block, at } => block.iova().0 + *at as u64,
        }
    }

    /// Whether it is an address of this domain: it means something else to another device.
    pub(super) fn is_of(&self, domain: &Arc<Domain>) -> bool {
        match &self.0 {
            Target::Null => true,
            Target::Unmapped(address) => *address == domain.unmapped(),
            Target::Data { block, .. } => block.is_of(domain),
        }
    }

    /// Tells `keep` of the memory that it names.
    pub(super) fn keep(&self, keep: &mut dyn FnMut(&Arc<Block>)) {
        if let Target::Data { block, .. } = &self.0 {
            keep(block);
        }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Unmapped(one), Self::Unmapped(other)) => one == other,
            (Self::Data { block, at }, Self::Data { block: other, at: place }) => {
                Arc::ptr_eq(block, other) && at == place
            }
            _ => false,
        }
    }
}

impl Eq for Target {}

impl ListAddress {
    /// Returns the number that the device is told.
    pub fn value(&self) -> u64 {
        self.list.iova() + self.at as u64
    }
}

impl Pointer {
    /// Returns the number that the device is told.
    pub fn value(&self) -> u64 {
        match self {
            Self::Data(address) => address.value(),
            Self::List(address) => address.value(),
        }
    }

    /// As [`Address::is_of`]. What a PRP List holds was looked at when it was made.
    pub(super) fn is_of(&self, domain: &Arc<Domain>) -> bool {
        match self {
            Self::Data(address) => address.is_of(domain),
            Self::List(address) => address.list.is_of(domain),
        }
    }

    /// Tells `keep` of all the memory that a device finds from here.
    pub(super) fn keep(&self, keep: &mut dyn FnMut(&Arc<Block>)) {
        match self {
            Self::Data(address) => address.keep(keep),
            Self::List(address) => address.list.keep(keep),
        }
    }
}

impl From<Address> for Pointer {
    fn from(address: Address) -> Self {
        Self::Data(address)
    }
}

impl From<ListAddress> for Pointer {
    fn from(address: ListAddress) -> Self {
        Self::List(address)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Target::Null => "null",
            Target::Unmapped(_) => "unmapped",
            Target::Data { .. } => "data",
        };
        write!(f, "{kind}:{:#x}", self.value())
    }
}

impl fmt::Debug for ListAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list:{:#x}", self.value())
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(address) => address.fmt(f),
            Self::List(address) => address.fmt(f),
        }
    }
}

impl Controller {
    /// Returns an address at which the device finds no memory, and never will. It is that of a memory page, and its
    /// lower half is zero where the device can be told such an address.
    ///
    /// A device that reads there gets an error from most hosts; what it writes there is lost, and it need not
    /// notice: writes over PCI Express are posted.
    pub fn unmapped_address(&self) -> Address {
        Address(Target::Unmapped(self.shared().domain().unmapped()))
    }
}
