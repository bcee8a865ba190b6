use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller) -> Result {
    let q = nvme.qpair(8)?;
    std::thread::scope(|threads| {
        threads.spawn(move || println!("{}", q.id()));
    });
    Ok(())
}

fn main() {}
