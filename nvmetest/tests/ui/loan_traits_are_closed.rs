//! This would lend shared memory to a command that writes it.

use nvmetest::memory::{DeviceRead, DeviceWrite};
use nvmetest::{Buffer, Slice};

struct Shared<'b>(&'b Buffer);

impl<'b> DeviceWrite for Shared<'b> {
    type Lent = Slice<'b>;

    fn lend(self) -> Slice<'b> {
        self.0.slice(0..512)
    }
}

impl<'b> DeviceRead for Shared<'b> {
    type Lent = Slice<'b>;

    fn lend(self) -> Slice<'b> {
        self.0.slice(0..512)
    }
}

fn main() {}
