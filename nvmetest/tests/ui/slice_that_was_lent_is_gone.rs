use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    let mut slice = buf.slice_mut(0..512);
    q.scope(|io| {
        ns.read(slice, 0).submit(io);
        slice[0] = 1;
        io.waitdone(1)
    })
}

fn main() {}
