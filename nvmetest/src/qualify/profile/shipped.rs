//! The profiles that are part of every program.

/// A profile that is part of every program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// What it says, in TOML.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The profiles that are part of every program, the shortest first.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../../suites/profiles/", $name, ".toml")),
        }),*];
    };
}

shipped!("smoke", "default", "full", "certify", "endurance", "datacenter");

impl Shipped {
    /// Returns the sentence that says what it is for.
    pub fn title(&self) -> String {
        let table: Option<toml::Table> = self.text.parse().ok();
        let title = table.as_ref().and_then(|table| table.get("title")?.as_str());
        title.unwrap_or_default().to_owned()
    }
}
