//! The name of a device.

use std::fmt;
use std::str::FromStr;

use super::OpenError;

/// The options of a URI in their order, as names and values.
pub type UriOptions<'u> = Vec<(&'u str, &'u str)>;

/// A device URI: `soft:size=1GiB,lba=4096`, `qemu:`, `vfio-user:/run/nvme.sock`, `pci:0000:01:00.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceUri {
    scheme: String,
    rest: String,
}

impl DeviceUri {
    /// Returns what stands before the first colon.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns what stands behind the first colon.
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// Reads `key=value,key=value`; a key that stands alone has an empty value.
    ///
    /// # Errors
    ///
    /// Fails on an empty key and on a key that is given twice.
    pub fn options(&self) -> Result<UriOptions<'_>, OpenError> {
        parse_options(self, &self.rest)
    }

    /// As [`options`](Self::options), for schemes that have a path before the first comma.
    ///
    /// # Errors
    ///
    /// As for [`options`](Self::options).
    pub fn path_and_options(&self) -> Result<(&str, UriOptions<'_>), OpenError> {
        let (path, options) = self.rest.split_once(',').unwrap_or((&self.rest, ""));
        Ok((path, parse_options(self, options)?))
    }
}

fn parse_options<'u>(uri: &DeviceUri, options: &'u str) -> Result<UriOptions<'u>, OpenError> {
    let mut parsed = UriOptions::new();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        if key.is_empty() {
            let what = format!("the option `{option}` has no name");
            return Err(OpenError::new(uri.to_string(), what, "write it as `name=value`"));
        }
        if parsed.iter().any(|(known, _)| *known == key) {
            let what = format!("the option `{key}` is given twice");
            return Err(OpenError::new(uri.to_string(), what, "give it once"));
        }
        parsed.push((key, value));
    }
    Ok(parsed)
}

impl FromStr for DeviceUri {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        match text.split_once(':') {
            Some((scheme, rest)) if !scheme.is_empty() => {
                Ok(Self { scheme: scheme.to_owned(), rest: rest.to_owned() })
            }
            _ => Err(OpenError::new(
                text,
                "it is not a device URI",
                "a device is named as `soft:`, `qemu:`, `vfio-user:/path/to/socket`, `pci:0000:01:00.0`",
            )),
        }
    }
}

impl fmt::Display for DeviceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.rest)
    }
}

/// Parses a size such as `512`, `64KiB`, `1GiB`.
///
/// ```
/// assert_eq!(nvmetest::transport::parse_size("64KiB"), Some(64 << 10));
/// assert_eq!(nvmetest::transport::parse_size("1 parsec"), None);
/// ```
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        "TiB" | "T" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_scheme_and_options() {
        let uri: DeviceUri = "soft:size=1GiB,verbose".parse().unwrap();
        assert_eq!(uri.scheme(), "soft");
        assert_eq!(uri.options().unwrap(), [("size", "1GiB"), ("verbose", "")]);
        assert_eq!(uri.to_string(), "soft:size=1GiB,verbose");
    }

    #[test]
    fn a_path_may_hold_a_colon() {
        let uri: DeviceUri = "vfio-user:/run/a:b.sock,dma=whole".parse().unwrap();
        assert_eq!(uri.path_and_options().unwrap(), ("/run/a:b.sock", vec![("dma", "whole")]));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let error = "/dev/nvme0".parse::<DeviceUri>().unwrap_err().to_string();
        assert!(error.starts_with("cannot open `/dev/nvme0`: it is not a device URI"), "{error}");

        let twice: DeviceUri = "soft:size=1,size=2".parse().unwrap();
        let error = twice.options().unwrap_err().to_string();
        assert!(error.contains("the option `size` is given twice"), "{error}");
    }
}
