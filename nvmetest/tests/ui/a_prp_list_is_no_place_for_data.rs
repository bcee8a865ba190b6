use nvmetest::raw::Entry;
use nvmetest::raw::PrpList;

fn over_the_list(list: &PrpList) -> Entry {
    Entry::new(0x02).prp1(list.at(0))
}

fn main() {}
