//! Where a PCI function is.

use std::fmt;
use std::str::FromStr;

/// Domain, bus, device and function: `0000:01:00.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let (place, function) = text.rsplit_once('.').unwrap_or((text, ""));
        // The domain is 0000 on most machines, and left out by those who know.
        let parts: Vec<&str> = place.split(':').collect();
        let (domain, parts) = match parts[..] {
            [bus, device] => ("0000", [bus, device]),
            [domain, bus, device] => (domain, [bus, device]),
            _ => ("", [""; 2]),
        };
        let [bus, device] = parts;
        match is_hex(domain, 4) && is_hex(bus, 2) && is_hex(device, 2) && is_hex(function, 1) {
            true => Ok(Self(format!("{domain}:{bus}:{device}.{function}").to_ascii_lowercase())),
            false => Err("a PCI function is written as in 0000:01:00.0".to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_may_be_left_out_and_nothing_else() {
        let parse = |text: &str| text.parse::<Address>().map(|it| it.to_string());
        assert_eq!(parse("0000:0A:00.0").unwrap(), "0000:0a:00.0");
        assert_eq!(parse("01:00.1").unwrap(), "0000:01:00.1");
        for wrong in ["", "1:0.0", "0000:01:00", "0000.01.00.0", "../..:01:00.0", "0000:01:00.0/x"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
