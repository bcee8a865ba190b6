use nvmetest::CqOptions;
use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let config = *nvme.config();
    let cq = nvme.completion_queue(CqOptions { entries: 8, vector: None })?;
    nvme.reset_with(&config)?;
    println!("{}", cq.id());
    Ok(())
}

fn main() {}
