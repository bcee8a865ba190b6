use nvmetest::prelude::*;
use nvmetest::spec::Sqe;

#[nvme_test]
fn test(q: &Qpair<'_>) -> Result {
    let mut sqe = Sqe::with_opcode(0x02);
    sqe.dptr[0] = 0x1000.into();
    Command::<Nvm>::raw_with_pointers(sqe).run(q)?;
    Ok(())
}

fn main() {}
