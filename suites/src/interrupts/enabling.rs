//! Which messages are enabled, and how many vectors there are (PCIe 6.1.4).

use nvmetest::prelude::*;
use nvmetest::spec::pci::{CapabilityId, MsiControl, MsixControl, msi, msix};
use nvmetest::transport::TransportError;

use super::flush_and_wait;
use super::queue;

/// MSI and MSI-X are both disabled as long as nobody waits for interrupts, and one of them is enabled while somebody does: together
/// they must not be.
#[nvme_test(spec = "PCIe 6.1.4", requires(VECTORS))]
fn no_more_than_one_of_msi_and_msix_is_enabled(nvme: &Controller) -> Result {
    let is_msix_used = nvme.capabilities().transport.msix_vectors != 0;
    assert_eq!(enabled(nvme)?, (false, false));
    for _ in 0..3 {
        let interrupts = nvme.interrupts(1)?;
        assert_eq!(enabled(nvme)?, (!is_msix_used, is_msix_used));
        drop(interrupts);
        assert_eq!(enabled(nvme)?, (false, false));
    }
    Ok(())
}

/// Each vector that the function says it has can be used: the last one signals.
#[nvme_test(spec = "PCIe 7.7.2.2", requires(super::TWO_VECTORS))]
fn the_last_vector_signals(nvme: &Controller, ns: Namespace) -> Result {
    let vectors = nvme.capabilities().transport.vectors();
    let interrupts = match nvme.interrupts(vectors) {
        // The kernel has fewer to give, or no more eventfds.
        Err(error @ (Error::Blocked(_) | Error::Transport(TransportError::Refused { .. }))) => {
            let why = format!("the host cannot wait for all {vectors} vectors: {error}");
            return Err(Error::NotApplicable(why));
        }
        other => other?,
    };
    let last = vectors - 1;
    let q = queue(nvme, 4, Some(last))?;
    for _ in 0..5 {
        flush_and_wait(&interrupts, last, &ns, &q)?;
    }
    Ok(())
}

/// Whether MSI is enabled, and whether MSI-X is.
fn enabled(nvme: &Controller) -> Result<(bool, bool)> {
    let control = |id: CapabilityId, register: u16| -> Result<u16> {
        let at = nvme.pci().capability(id.0)?;
        at.map_or(Ok(0), |at| nvme.pci().read16(at + register))
    };
    let msi = MsiControl::from(control(CapabilityId::MSI, msi::CONTROL)?);
    let msix = MsixControl::from(control(CapabilityId::MSI_X, msix::CONTROL)?);
    Ok((msi.enable(), msix.enable()))
}
