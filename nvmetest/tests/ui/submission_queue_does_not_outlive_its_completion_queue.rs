use nvmetest::prelude::*;
use nvmetest::{CqOptions, SqOptions};

#[nvme_test]
fn test(nvme: &Controller) -> Result {
    let cq = nvme.completion_queue(CqOptions { entries: 8, vector: None })?;
    let q = cq.submission_queue(SqOptions { entries: 8, priority: 0 })?;
    drop(cq);
    nvme.namespace(1)?.flush().run(&q)?;
    Ok(())
}

fn main() {}
