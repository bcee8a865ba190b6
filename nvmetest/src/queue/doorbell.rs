//! Doorbells (PCIe transport 3.1.2).

use std::sync::Arc;

use crate::transport::Function;
use crate::transport::Mmio;
use crate::transport::TransportResult;

/// One doorbell register, reached in the fastest way that the device offers.
#[derive(Debug)]
pub(crate) enum Doorbell {
    /// A store to mapped memory.
    Mapped {
        /// The mapped doorbells.
        mmio: Mmio,
        /// The offset in BAR0.
        offset: u64,
    },
    /// A message.
    Message {
        /// The function.
        function: Arc<dyn Function>,
        /// The offset in BAR0.
        offset: u64,
    },
}

impl Doorbell {
    pub(crate) fn new(function: &Arc<dyn Function>, offset: u32) -> Self {
        let offset = u64::from(offset);
        match function.doorbells() {
            Some(mmio) if mmio.maps(offset) => Self::Mapped { mmio: mmio.clone(), offset },
            _ => Self::Message { function: function.clone(), offset },
        }
    }

    #[inline]
    pub(crate) fn ring(&self, value: u32) -> TransportResult {
        match self {
            Self::Mapped { mmio, offset } => {
                let mapped = mmio.ring(*offset, value);
                debug_assert!(mapped, "it was mapped when the doorbell was made");
                Ok(())
            }
            Self::Message { function, offset } => function.post(*offset, value),
        }
    }
}
