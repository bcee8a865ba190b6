use std::sync::Mutex;

use nvmetest::prelude::*;

static SHARED: Mutex<Option<Buffer>> = Mutex::new(None);

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    q.scope(|io| {
        let mut shared = SHARED.lock().unwrap();
        ns.read(shared.as_mut().unwrap(), 0).submit(io);
        io.waitdone(1)
    })
}

fn main() {}
