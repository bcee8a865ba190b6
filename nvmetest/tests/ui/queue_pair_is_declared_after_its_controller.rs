use nvmetest::prelude::*;

fn test(open: fn() -> Result<Controller>) -> Result {
    let q;
    let nvme = open()?;
    q = nvme.qpair(8)?;
    nvme.namespace(1)?.flush().run(&q)?;
    Ok(())
}

fn main() {}
