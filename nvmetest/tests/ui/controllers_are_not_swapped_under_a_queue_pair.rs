use nvmetest::prelude::*;

fn swap(one: &mut Controller, other: &mut Controller) -> Result {
    let q = one.qpair(8)?;
    std::mem::swap(one, other);
    one.namespace(1)?.flush().run(&q)?;
    Ok(())
}

fn main() {}
