//! The interrupts that a device is used with.

use std::fmt;
use std::str::FromStr;

use super::DeviceUri;
use super::OpenError;

/// The interrupts that a device is used with: `irq=msix`, `irq=msi` or `irq=intx` of its URI (PCIe transport 3.5).
///
/// Without the option it is MSI-X where the function has it, and MSI otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterruptKind {
    /// MSI-X (PCIe 7.7.2).
    Msix,
    /// MSI (PCIe 7.7.1).
    Msi,
    /// INTx (PCIe 6.1.2): no vectors.
    Intx,
}

/// What was given is no [`InterruptKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the interrupts that a device is used with are `msix`, `msi` or `intx`")]
pub struct UnknownInterruptKind;

/// What a function and the way to it have of interrupts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Interrupts {
    pub(super) msix_vectors: u16,
    pub(super) msi_vectors: u16,
    pub(super) intx: bool,
}

impl FromStr for InterruptKind {
    type Err = UnknownInterruptKind;

    fn from_str(text: &str) -> Result<Self, UnknownInterruptKind> {
        match text {
            "msix" => Ok(Self::Msix),
            "msi" => Ok(Self::Msi),
            "intx" => Ok(Self::Intx),
            _ => Err(UnknownInterruptKind),
        }
    }
}

impl fmt::Display for InterruptKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Msix => "MSI-X",
            Self::Msi => "MSI",
            Self::Intx => "INTx",
        })
    }
}

impl Interrupts {
    /// Leaves what a device is used with that was opened with `wanted`: of MSI-X and MSI no more than one.
    ///
    /// # Errors
    ///
    /// Fails if it does not have what is wanted.
    pub(super) fn choose(
        self,
        wanted: Option<InterruptKind>,
        uri: &DeviceUri,
    ) -> Result<Self, OpenError> {
        let Self { msix_vectors, msi_vectors, intx } = self;
        let has = |kind| match kind {
            InterruptKind::Msix => msix_vectors != 0,
            InterruptKind::Msi => msi_vectors != 0,
            InterruptKind::Intx => intx,
        };
        let Some(wanted) = wanted else {
            return Ok(if has(InterruptKind::Msix) {
                Self { msi_vectors: 0, ..self }
            } else {
                self
            });
        };
        if !has(wanted) {
            let all = [InterruptKind::Msix, InterruptKind::Msi, InterruptKind::Intx];
            let there: Vec<_> =
                all.into_iter().filter(|it| has(*it)).map(|it| it.to_string()).collect();
            let what = format!("it has no {wanted} that could be observed here");
            let way_out = match there.len() {
                0 => "leave `irq=` out: it has no interrupts at all, and queues are polled"
                    .to_owned(),
                _ => format!("leave `irq=` out, or choose from what it has: {}", there.join(", ")),
            };
            return Err(OpenError::new(uri.to_string(), what, way_out));
        }
        Ok(match wanted {
            InterruptKind::Msix => Self { msi_vectors: 0, ..self },
            InterruptKind::Msi => Self { msix_vectors: 0, ..self },
            InterruptKind::Intx => Self { msix_vectors: 0, msi_vectors: 0, intx },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(has: Interrupts, wanted: Option<InterruptKind>) -> Result<(u16, u16, bool), String> {
        let uri = "pci:0000:01:00.0".parse().unwrap();
        let chosen = has.choose(wanted, &uri).map_err(|error| error.to_string())?;
        Ok((chosen.msix_vectors, chosen.msi_vectors, chosen.intx))
    }

    #[test]
    fn msix_is_used_where_nobody_says_otherwise_and_msi_where_there_is_no_msix() {
        let both = Interrupts { msix_vectors: 9, msi_vectors: 4, intx: true };
        assert_eq!(chosen(both, None), Ok((9, 0, true)));
        assert_eq!(chosen(both, Some(InterruptKind::Msix)), Ok((9, 0, true)));
        assert_eq!(chosen(both, Some(InterruptKind::Msi)), Ok((0, 4, true)));
        assert_eq!(chosen(both, Some(InterruptKind::Intx)), Ok((0, 0, true)));
        assert_eq!(chosen(Interrupts { msix_vectors: 0, ..both }, None), Ok((0, 4, true)));
    }

    #[test]
    fn what_it_does_not_have_is_said_with_what_it_has() {
        let msix = Interrupts { msix_vectors: 9, ..Interrupts::default() };
        let error = chosen(msix, Some(InterruptKind::Msi)).unwrap_err();
        assert!(error.contains("has no MSI that") && error.contains("it has: MSI-X"), "{error}");
        let error = chosen(Interrupts::default(), Some(InterruptKind::Intx)).unwrap_err();
        assert!(error.contains("no INTx") && error.contains("no interrupts at all"), "{error}");
    }
}
