use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>) -> Result {
    q.scope(|io| {
        std::thread::scope(|threads| {
            threads.spawn(|| io.waitdone(1));
        });
        Ok(())
    })
}

fn main() {}
