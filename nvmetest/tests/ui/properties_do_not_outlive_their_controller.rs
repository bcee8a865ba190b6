use nvmetest::prelude::*;

fn end(nvme: Controller) -> Result {
    let registers = nvme.registers();
    drop(nvme);
    registers.csts()?;
    Ok(())
}

fn main() {}
