use nvmetest::raw::Address;
use nvmetest::raw::Entry;

fn from_a_number() -> Entry {
    Entry::new(0x02).prp1(0xdead_beef)
}

fn from_parts() -> Address {
    Address(0xdead_beef)
}

fn main() {}
