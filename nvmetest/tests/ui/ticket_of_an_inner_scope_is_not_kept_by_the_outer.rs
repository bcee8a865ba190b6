use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &Controller, q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let other = nvme.qpair(8)?;
    q.scope(|outer| {
        let mut tickets = vec![ns.flush().submit(outer)];
        other.scope(|inner| {
            tickets.push(ns.flush().submit(inner));
            ns.read(&mut buf, 0).submit(inner);
            Ok(())
        })?;
        tickets.into_iter().try_for_each(|ticket| ticket.wait())
    })
}

fn main() {}
