use nvmetest::CqOptions;
use nvmetest::prelude::*;

fn end(nvme: Controller) -> Result {
    let cq = nvme.completion_queue(CqOptions { entries: 8, vector: None })?;
    drop(nvme);
    println!("{}", cq.id());
    Ok(())
}

fn main() {}
