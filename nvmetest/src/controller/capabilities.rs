//! What the controller says that it can do.

use std::sync::Arc;

use zerocopy::FromZeros;

use crate::spec::Cap;
use crate::spec::IdentifyController;
use crate::spec::Vs;
use crate::transport::Abilities;
use crate::transport::Function;

/// A snapshot of what does not change while the controller is enabled.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// CAP (Base 3.1.4.1).
    pub cap: Cap,
    /// VS (Base 3.1.4.2).
    pub vs: Vs,
    /// Identify Controller (Base 5.1.13.2.1).
    pub controller: Box<IdentifyController>,
    /// What the way to the device can do.
    pub transport: Abilities,
}

impl Capabilities {
    pub(super) fn new(
        cap: Cap,
        vs: Vs,
        controller: IdentifyController,
        function: &Arc<dyn Function>,
    ) -> Self {
        let transport = function.abilities().clone();
        Self { cap, vs, controller: Box::new(controller), transport }
    }

    /// What is known before the controller was asked.
    pub(crate) fn unknown(cap: Cap) -> Self {
        let transport = Abilities {
            dma: crate::transport::DmaModel::PerBuffer,
            iova: 0..0,
            revokes: false,
            dma_faults: false,
            function_reset: false,
            hot_reset: false,
            power_cycles: false,
            port: crate::transport::PortAbove::Absent,
            owns_bars: false,
            moves_bar0: false,
            removes: false,
            terminates: false,
            msix_vectors: 0,
            msi_vectors: 0,
            intx: false,
        };
        let controller = Box::new(IdentifyController::new_zeroed());
        Self { cap, vs: Vs::from(0), controller, transport }
    }

    /// The largest transfer in bytes, or none if there is no limit (MDTS, Base 5.1.13.2.1).
    pub fn max_transfer(&self) -> Option<u64> {
        self.controller.max_transfer(self.cap.min_page_size())
    }
}
