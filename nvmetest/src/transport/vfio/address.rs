//! The address of a PCI function.

use std::fmt;
use std::str::FromStr;

/// Domain, bus, device and function, as in `0000:01:00.0`.
///
/// ```
/// use nvmetest::transport::vfio::PciAddress;
///
/// let address: PciAddress = "0000:C1:00.0".parse().unwrap();
/// assert_eq!(address.to_string(), "0000:c1:00.0");
/// assert!("0000:01:20.0".parse::<PciAddress>().is_err(), "a bus has 32 devices");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// What was given is no [`PciAddress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a PCI address has a domain, a bus, a device and a function in hexadecimal, as in 0000:01:00.0"
)]
pub struct MalformedPciAddress;

impl FromStr for PciAddress {
    type Err = MalformedPciAddress;

    fn from_str(text: &str) -> Result<Self, MalformedPciAddress> {
        let parse = || {
            let (domain, rest) = text.split_once(':')?;
            let (bus, rest) = rest.split_once(':')?;
            let (device, function) = rest.split_once('.')?;
            Some(Self {
                // Domains of bridges that hide drives (Intel VMD) have more than four digits.
                domain: number(domain, 4..=8)?,
                bus: u8::try_from(number(bus, 2..=2)?).ok()?,
                device: u8::try_from(number(device, 2..=2)?).ok().filter(|device| *device < 32)?,
                function: u8::try_from(number(function, 1..=1)?).ok().filter(|it| *it < 8)?,
            })
        };
        parse().ok_or(MalformedPciAddress)
    }
}

/// Reads hexadecimal digits, and nothing else that `from_str_radix` would take.
fn number(digits: &str, len: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let is_number = len.contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_hexdigit());
    is_number.then(|| u32::from_str_radix(digits, 16).ok())?
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_the_kernel_writes_it() {
        for (text, shown) in [
            ("0000:01:00.0", "0000:01:00.0"),
            ("0000:FF:1f.7", "0000:ff:1f.7"),
            ("10000:e1:00.0", "10000:e1:00.0"),
        ] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "",
            "01:00.0",
            "0000:01:00",
            "0000:01:00.8",
            "0000:01:20.0",
            "000:01:00.0",
            "0000:1:00.0",
            "0000:+1:00.0",
            "0000:01:00.0 ",
            "0000:01:00.00",
            "../..:01:00.0",
            "000000000:01:00.0",
        ] {
            assert_eq!(text.parse::<PciAddress>(), Err(MalformedPciAddress), "{text}");
        }
    }
}
