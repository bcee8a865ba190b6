use nvmetest::raw::Memory;

fn bytes(memory: &Memory) -> &[u8] {
    &memory[..]
}

fn main() {}
