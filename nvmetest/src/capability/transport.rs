//! Capabilities of the way to the device.

use super::Capability;
use super::Presence;
use crate::transport::PortAbove;

/// Function Level Reset, or what the transport has for it (PCIe 6.6.2).
pub static FUNCTION_LEVEL_RESET: Capability = Capability {
    name: "Function Level Reset",
    field: "a reset of the function over this transport",
    clause: "PCIe 6.6.2",
    probe: |capabilities| possible(capabilities.transport.function_reset),
};

/// A hot reset: of all that is behind the port that the device is plugged into (PCIe 6.6.1).
pub static HOT_RESET: Capability = Capability {
    name: "hot reset",
    field: "a reset of the link over this transport",
    clause: "PCIe 6.6.1",
    probe: |capabilities| possible(capabilities.transport.hot_reset),
};

/// The port that the device is plugged into can be told to train the link again (PCIe 7.5.3.7).
pub static RETRAIN_LINK: Capability = Capability {
    name: "a port above that the host can program",
    field: "Retrain Link in the port that the device is plugged into, over this transport",
    clause: "PCIe 7.5.3.7",
    probe: |capabilities| possible(capabilities.transport.port == PortAbove::Programmable),
};

/// What is written to a Base Address Register reaches the function (PCIe 7.5.1.2.1): over VFIO, the host's kernel keeps it.
pub static BAR_REGISTERS: Capability = Capability {
    name: "Base Address Registers of its own",
    field: "a write to a Base Address Register over this transport",
    clause: "PCIe 7.5.1.2.1",
    probe: |capabilities| possible(capabilities.transport.owns_bars),
};

/// The host can give BAR0 another address, and reach it there (PCIe 7.5.1.2.1).
pub static BAR_RELOCATION: Capability = Capability {
    name: "a BAR0 that the host can move",
    field: "another address of BAR0 over this transport",
    clause: "PCIe 7.5.1.2.1",
    probe: |capabilities| possible(capabilities.transport.moves_bar0),
};

/// The host's kernel can forget the function, and find it again on its bus.
pub static REMOVAL: Capability = Capability {
    name: "a PCI function that the host's kernel knows and this user may remove",
    field: "removal and rescan over this transport",
    clause: "of the host, and in no standard",
    probe: |capabilities| possible(capabilities.transport.removes),
};

/// The host can take the power from the device and give it back.
pub static POWER_CYCLE: Capability = Capability {
    name: "power that the host can switch",
    field: "a power cycle over this transport",
    clause: "of the host, and in no standard",
    probe: |capabilities| possible(capabilities.transport.power_cycles),
};

/// MSI-X vectors that the host can observe (PCIe transport 3.5).
pub static MSIX: Capability = Capability {
    name: "MSI-X",
    field: "the number of MSI-X vectors that can be observed",
    clause: "PCIe transport 3.5",
    probe: |capabilities| vectors(capabilities.transport.msix_vectors),
};

/// MSI messages that the host can observe, which it does where the device is used with MSI: see
/// [`InterruptKind`](crate::transport::InterruptKind) (PCIe transport 3.5).
pub static MSI: Capability = Capability {
    name: "MSI",
    field: "the number of MSI messages that can be observed",
    clause: "PCIe transport 3.5",
    probe: |capabilities| vectors(capabilities.transport.msi_vectors),
};

/// Vectors that the host can observe, of MSI-X or of MSI (PCIe transport 3.5).
pub static VECTORS: Capability = Capability {
    name: "MSI-X or MSI",
    field: "the number of MSI-X or MSI vectors that can be observed",
    clause: "PCIe transport 3.5",
    probe: |capabilities| vectors(capabilities.transport.vectors()),
};

/// INTx, the interrupt that is no message (PCIe 6.1.2), as far as the host can observe it.
pub static INTX: Capability = Capability {
    name: "INTx",
    field: "INTx over this transport",
    clause: "PCIe transport 3.5",
    probe: |capabilities| possible(capabilities.transport.intx),
};

/// Memory that is taken back is out of the device's reach, whatever the device does.
pub static DMA_REVOCATION: Capability = Capability {
    name: "an IOMMU or what stands for it",
    field: "taking memory back from the device over this transport",
    clause: "of the host, and in no standard",
    probe: |capabilities| possible(capabilities.transport.revokes),
};

fn vectors(count: u16) -> Presence {
    Presence { present: 0 < count, value: count.to_string() }
}

fn possible(present: bool) -> Presence {
    let value = if present { "possible" } else { "not possible" }.to_owned();
    Presence { present, value }
}
