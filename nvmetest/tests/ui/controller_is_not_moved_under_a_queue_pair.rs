use nvmetest::prelude::*;

fn give_away(nvme: Controller) -> Result<Controller> {
    let q = nvme.qpair(8)?;
    let moved = nvme;
    moved.namespace(1)?.flush().run(&q)?;
    Ok(moved)
}

fn main() {}
