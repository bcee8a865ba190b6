use std::cell::RefCell;

use nvmetest::prelude::*;

thread_local! {
    static KEPT: RefCell<Vec<Ticket<'static>>> = RefCell::default();
}

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>) -> Result {
    q.scope(|io| {
        let ticket = ns.flush().submit(io);
        KEPT.with_borrow_mut(|kept| kept.push(ticket));
        Ok(())
    })
}

fn main() {}
