//! From one driver to the other.

use anyhow::bail;
use anyhow::ensure;

use super::address::Address;
use super::obstacles::is_in_use;
use super::obstacles::obstacles;
use super::record;
use super::record::Record;
use super::record::Run;
use super::system::System;

/// The driver that gives a function to a process.
pub const VFIO: &str = "vfio-pci";

/// Binds a drive to vfio-pci. Returns the number of its IOMMU group.
///
/// # Errors
///
/// Fails, and changes nothing, if there is an obstacle. If the kernel refuses, the driver has the drive again.
pub fn bind(
    system: &System<'_>,
    address: &Address,
    force: bool,
    run: Option<Run>,
) -> anyhow::Result<String> {
    let obstacles = obstacles(system, address, force);
    match &obstacles[..] {
        [] => {}
        [one] => bail!("{one}"),
        several => bail!("there is more than one obstacle:\n  {}", several.join("\n  ")),
    }
    let function = system.function(address);
    let driver = system.driver(&function);
    if driver.as_deref() != Some(VFIO) {
        // What an earlier call wrote stays: it saw the driver, and this one may see a half-finished change.
        let earlier = record::read(system, address)?.and_then(|record| record.driver);
        let record = Record { driver: driver.clone().or(earlier), run };
        record::write(system, address, &record)?;
        if let Err(error) = hand_over(system, address, VFIO) {
            let restored = unbind(system, address);
            return Err(match restored {
                Ok(_) => error,
                Err(second) => {
                    error.context(format!("nor has its driver the drive again: {second:#}"))
                }
            });
        }
    }
    Ok(system.group(&function).unwrap_or_default())
}

/// Gives a drive back to the driver that had it, which is returned.
///
/// # Errors
///
/// Fails, and changes nothing, while a run uses the drive.
pub fn unbind(system: &System<'_>, address: &Address) -> anyhow::Result<Option<String>> {
    let function = system.function(address);
    let record = record::read(system, address)?;
    if system.class(&function).is_none() {
        record::remove(system, address);
        bail!("there is no PCI function at {address} any more");
    }
    let driver = system.driver(&function);
    if record.is_none() && driver.as_deref() != Some(VFIO) {
        return Ok(driver);
    }
    let is_bound = driver.as_deref() == Some(VFIO);
    ensure!(
        !(is_bound && is_in_use(system, &function)),
        "a run still uses {address}: end it, and try again"
    );
    // Without a record it was bound by somebody else, and the kernel knows which driver it would choose.
    let before = record.map_or(Some(String::new()), |record| record.driver);
    hand_over(system, address, before.as_deref().unwrap_or_default())?;
    record::remove(system, address);
    Ok(system.driver(&function))
}

/// Gives back all drives that were bound for a run which ended without doing so.
pub fn restore_abandoned(system: &System<'_>) -> anyhow::Result<()> {
    for address in record::all(system) {
        let Some(run) = record::read(system, &address)?.and_then(|record| record.run) else {
            continue;
        };
        if !run.is_alive(system) {
            println!("{address} was left bound by a run that ended: its driver gets it back");
            unbind(system, &address)?;
        }
    }
    Ok(())
}

/// Takes a function from its driver, and gives it to another; to the kernel's choice if that has no name.
fn hand_over(system: &System<'_>, address: &Address, driver: &str) -> anyhow::Result<()> {
    let function = system.function(address);
    let text = address.to_string();
    // An empty line takes the override away.
    let wanted = if driver == VFIO { VFIO } else { "\n" };
    system.write(&function.join("driver_override"), wanted)?;
    if let Some(present) = system.driver(&function) {
        if present == driver {
            return Ok(());
        }
        system.write(&function.join("driver/unbind"), &text)?;
    }
    system.write(&system.path("sys/bus/pci/drivers_probe"), &text)?;
    let now = system.driver(&function);
    ensure!(
        driver.is_empty() || now.as_deref() == Some(driver),
        "{driver} does not take {address}, the kernel's log (dmesg) may say why; it is bound to {}",
        now.as_deref().unwrap_or("no driver")
    );
    Ok(())
}
