use nvmetest::raw::Entry;

fn anywhere() -> Entry {
    Entry::new(0x02).with_pointers(0, [0xdead_beef, 0])
}

fn main() {}
