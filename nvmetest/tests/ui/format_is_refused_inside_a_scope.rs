use nvmetest::Format;
use nvmetest::prelude::*;

#[nvme_test]
fn test(nvme: &mut Controller) -> Result {
    let (q, ns) = (nvme.qpair(8)?, nvme.namespace(1)?);
    let mut buf = nvme.buffer(512);
    q.scope(|io| {
        ns.read(&mut buf, 0).submit(io);
        nvme.format(1, Format { lbaf: 1, ..Format::default() }).run()?;
        io.waitdone(1)
    })
}

fn main() {}
