//! L1 PM Substates, an extended capability (PCIe 7.8.3).

use std::time::Duration;

use bitfield_struct::bitfield;

/// Offset of L1 PM Substates Capabilities in the capability, 32 bits (PCIe 7.8.3.2).
pub const CAPABILITIES: u16 = 0x04;
/// Offset of L1 PM Substates Control 1 in the capability, 32 bits (PCIe 7.8.3.3).
pub const CONTROL_1: u16 = 0x08;
/// Offset of L1 PM Substates Control 2 in the capability, 32 bits (PCIe 7.8.3.4).
pub const CONTROL_2: u16 = 0x0C;
/// Bytes of the capability, to Control 2.
pub const LEN: u16 = 0x10;

/// The substates: those that are supported (PCIe 7.8.3.2) or enabled (PCIe 7.8.3.3).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct L1Substates {
    /// PCI-PM L1.2.
    pub pci_pm_l1_2: bool,
    /// PCI-PM L1.1.
    pub pci_pm_l1_1: bool,
    /// ASPM L1.2.
    pub aspm_l1_2: bool,
    /// ASPM L1.1.
    pub aspm_l1_1: bool,
    #[bits(4)]
    __: u8,
}

/// A T_POWER_ON: how long a port waits in L1.2.Exit before it drives the link (PCIe 7.8.3.2, PCIe 7.8.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TPowerOn {
    /// Scale: 00b is 2 us, 01b is 10 us, 10b is 100 us.
    pub scale: u8,
    /// Value, up to 31 of these.
    pub value: u8,
}

/// LTR_L1.2_THRESHOLD: the link goes to L1.2 if what the function bears is no less (PCIe 5.5.1, PCIe 7.8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LtrThreshold {
    /// Scale: 2^(5 * scale) ns, up to 101b.
    pub scale: u8,
    /// Value, up to 1023 of these.
    pub value: u16,
}

/// L1 PM Substates Capabilities (PCIe 7.8.3.2).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct L1SubstatesCapabilities {
    /// What is supported.
    #[bits(4)]
    pub substates: L1Substates,
    /// L1 PM Substates Supported: without it no substate is.
    pub supported: bool,
    #[bits(3)]
    __: u8,
    /// Port Common_Mode_Restore_Time, in microseconds.
    pub common_mode_restore_us: u8,
    /// Port T_POWER_ON Scale.
    #[bits(2)]
    pub t_power_on_scale: u8,
    __: bool,
    /// Port T_POWER_ON Value.
    #[bits(5)]
    pub t_power_on_value: u8,
    __: u8,
}

/// L1 PM Substates Control 1 (PCIe 7.8.3.3).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct L1SubstatesControl1 {
    /// What is enabled.
    #[bits(4)]
    pub enabled: L1Substates,
    #[bits(4)]
    __: u8,
    /// Common_Mode_Restore_Time, in microseconds; of the port above, and reserved in an endpoint.
    pub common_mode_restore_us: u8,
    /// LTR_L1.2_THRESHOLD_Value.
    #[bits(10)]
    pub threshold_value: u16,
    #[bits(3)]
    __: u8,
    /// LTR_L1.2_THRESHOLD_Scale.
    #[bits(3)]
    pub threshold_scale: u8,
}

/// L1 PM Substates Control 2 (PCIe 7.8.3.4).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct L1SubstatesControl2 {
    /// T_POWER_ON Scale.
    #[bits(2)]
    pub t_power_on_scale: u8,
    __: bool,
    /// T_POWER_ON Value.
    #[bits(5)]
    pub t_power_on_value: u8,
    #[bits(24)]
    __: u32,
}

impl L1Substates {
    /// Whether one of them is L1.2, which takes times and a threshold.
    pub fn has_l1_2(self) -> bool {
        self.pci_pm_l1_2() || self.aspm_l1_2()
    }

    /// Whether all of these are among `others`.
    pub fn are_among(self, others: Self) -> bool {
        u8::from(self) & !u8::from(others) == 0
    }
}

impl L1SubstatesCapabilities {
    /// What the end of the link asks for.
    pub fn t_power_on(self) -> TPowerOn {
        TPowerOn { scale: self.t_power_on_scale(), value: self.t_power_on_value() }
    }
}

impl L1SubstatesControl1 {
    /// With this threshold.
    #[must_use]
    pub fn with_threshold(self, threshold: LtrThreshold) -> Self {
        self.with_threshold_scale(threshold.scale).with_threshold_value(threshold.value)
    }
}

impl L1SubstatesControl2 {
    /// With this time.
    #[must_use]
    pub fn with_t_power_on(self, time: TPowerOn) -> Self {
        self.with_t_power_on_scale(time.scale).with_t_power_on_value(time.value)
    }
}

impl TPowerOn {
    /// The time; none if the scale is the reserved one, 11b.
    ///
    /// ```
    /// use nvmetest::spec::pci::TPowerOn;
    ///
    /// let time = TPowerOn { scale: 0b01, value: 5 };
    /// assert_eq!(time.duration(), Some(std::time::Duration::from_micros(50)));
    /// ```
    pub fn duration(self) -> Option<Duration> {
        let scale = [2, 10, 100].get(usize::from(self.scale))?;
        Some(Duration::from_micros(scale * u64::from(self.value)))
    }
}

impl LtrThreshold {
    /// The shortest threshold that is no less than this; none if there is none, beyond 34 s.
    ///
    /// ```
    /// use nvmetest::spec::pci::LtrThreshold;
    ///
    /// let threshold = LtrThreshold::at_least(std::time::Duration::from_micros(50));
    /// assert_eq!(threshold, Some(LtrThreshold { scale: 0b010, value: 49 }));
    /// ```
    pub fn at_least(time: Duration) -> Option<Self> {
        (0..=0b101).find_map(|scale| {
            let units = time.as_nanos().div_ceil(1 << (5 * scale));
            let value = u16::try_from(units).ok().filter(|units| *units < 1 << 10)?;
            Some(Self { scale, value })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_are_where_the_figure_has_them() {
        let can = L1SubstatesCapabilities::from(0x0029_0A1F);
        assert_eq!(u8::from(can.substates()), 0b1111);
        assert!(can.supported());
        assert_eq!(can.common_mode_restore_us(), 10);
        assert_eq!(can.t_power_on(), TPowerOn { scale: 0b01, value: 5 });
        let substates = |bits| L1SubstatesCapabilities::from(bits).substates();
        assert_eq!(substates(1 << 0), L1Substates::new().with_pci_pm_l1_2(true));
        assert_eq!(substates(1 << 1), L1Substates::new().with_pci_pm_l1_1(true));
        assert_eq!(substates(1 << 2), L1Substates::new().with_aspm_l1_2(true));
        assert_eq!(substates(1 << 3), L1Substates::new().with_aspm_l1_1(true));
        assert_eq!(L1SubstatesCapabilities::from(0x00F8_0000).t_power_on_value(), 31);
    }

    #[test]
    fn the_controls_are_where_the_figures_have_them() {
        let threshold = LtrThreshold { scale: 0b010, value: 49 };
        let control = L1SubstatesControl1::new()
            .with_enabled(L1Substates::new().with_aspm_l1_2(true).with_aspm_l1_1(true))
            .with_common_mode_restore_us(0x0A)
            .with_threshold(threshold);
        assert_eq!(u32::from(control), 0x4031_0A0C);
        assert_eq!(L1SubstatesControl1::from(0x03FF_0000).threshold_value(), 1023);
        let control = L1SubstatesControl2::new().with_t_power_on(TPowerOn { scale: 2, value: 31 });
        assert_eq!(u32::from(control), 0x0000_00FA);
    }

    #[test]
    fn times_are_value_times_scale() {
        let time = |scale, value| TPowerOn { scale, value }.duration();
        assert_eq!(time(0b00, 5), Some(Duration::from_micros(10)));
        assert_eq!(time(0b10, 31), Some(Duration::from_micros(3100)));
        assert_eq!(time(0b11, 1), None);
    }

    #[test]
    fn a_threshold_is_rounded_up_and_has_an_end() {
        let at_least = |ns| LtrThreshold::at_least(Duration::from_nanos(ns));
        assert_eq!(at_least(0), Some(LtrThreshold { scale: 0, value: 0 }));
        assert_eq!(at_least(1023), Some(LtrThreshold { scale: 0, value: 1023 }));
        assert_eq!(at_least(1024), Some(LtrThreshold { scale: 1, value: 32 }));
        assert_eq!(at_least(32 * 1023 + 1), Some(LtrThreshold { scale: 2, value: 32 }));
        assert_eq!(at_least(33_554_432 * 1023), Some(LtrThreshold { scale: 5, value: 1023 }));
        assert_eq!(at_least(33_554_432 * 1023 + 1), None);
    }
}
