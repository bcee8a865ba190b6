use nvmetest::prelude::*;

#[nvme_test]
fn test(q: &Qpair<'_>, ns: Namespace<'_>, mut buf: Buffer) -> Result {
    q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        std::thread::scope(|threads| {
            threads.spawn(|| assert_eq!(buf[0], 0));
        });
        io.waitdone(1)
    })
}

fn main() {}
