//! Whether drives are those that a run wants.

use crate::qualify::device::Found;
use crate::results::Results;
use crate::runner::setup::SetupError;
use crate::transport::DeviceUri;

/// A drive of a run: its place, and who is behind its URI.
pub(super) type Drive<'l> = (u32, &'l DeviceUri, &'l Found);

/// Refuses drives that are not alike to share one list of tests.
pub(super) fn are_alike(drives: &[Drive<'_>]) -> Result<(), SetupError> {
    let who = |(_, _, found): &Drive<'_>| (found.model.clone(), found.firmware.clone());
    let Some(first) = drives.first() else { return Ok(()) };
    let Some(other) = drives.iter().find(|drive| who(drive) != who(first)) else { return Ok(()) };
    let name = |drive: &Drive<'_>| {
        let (model, firmware) = who(drive);
        format!("{} is {model} with firmware {firmware}", drive.1)
    };
    Err(SetupError::new(format!(
        "{}, and {}: only identical drives share the tests; use `--pool matrix`",
        name(first),
        name(other)
    )))
}

/// Refuses other drives than those of the run that goes on.
pub(super) fn are_the_same(drives: &[Drive<'_>], earlier: &Results) -> Result<(), SetupError> {
    for (device, uri, now) in drives {
        let Some(then) = earlier.devices.get(device) else { continue };
        let same =
            (&then.model, &then.serial, &then.firmware) == (&now.model, &now.serial, &now.firmware);
        if !same {
            return Err(SetupError::new(format!(
                "{uri} is {} (serial {}, firmware {}) now, and was {} (serial {}, firmware {}) when the run began; begin another run",
                now.model, now.serial, now.firmware, then.model, then.serial, then.firmware
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(model: &str, serial: &str, firmware: &str) -> Found {
        let (model, serial, firmware) = (model.to_owned(), serial.to_owned(), firmware.to_owned());
        Found { model, serial, firmware, version: "2.1.0".to_owned(), choices: Vec::new() }
    }

    #[test]
    fn drives_share_the_tests_if_model_and_firmware_are_the_same() {
        let uri: DeviceUri = "soft:".parse().unwrap();
        let first = found("M", "1", "F");
        let alike = |other: &Found| {
            let refused = are_alike(&[(0, &uri, &first), (1, &uri, other)]).err();
            refused.map(|error| error.to_string())
        };
        assert_eq!(alike(&found("M", "2", "F")), None, "a serial number is of one drive");
        let firmware = alike(&found("M", "2", "G")).unwrap();
        assert_eq!(
            firmware,
            "soft: is M with firmware F, and soft: is M with firmware G: only identical drives share the tests; use `--pool matrix`"
        );
        assert!(alike(&found("N", "2", "F")).unwrap().contains("soft: is N with firmware F"));
    }

    #[test]
    fn a_run_goes_on_with_the_drive_that_it_began_with() {
        let earlier = Results::parse(concat!(
            r#"{"kind":"run","schema":1,"id":"r","tool":"0","suite":{"name":"s","tests":1,"hash":"0"},"profile":"p","mode":"ci","seed":1,"host":"h","command":[],"started_ms":0}"#,
            "\n",
            r#"{"kind":"device","device":0,"uri":"soft:","model":"M","serial":"1","firmware":"F","version":"2.1.0","opened_ms":0}"#,
        ))
        .unwrap();
        let uri: DeviceUri = "soft:".parse().unwrap();
        let same = |now: &Found| are_the_same(&[(0, &uri, now)], &earlier).is_ok();
        assert!(same(&found("M", "1", "F")));
        for other in [found("N", "1", "F"), found("M", "2", "F"), found("M", "1", "G")] {
            assert!(!same(&other), "{other:?}");
        }
    }
}
