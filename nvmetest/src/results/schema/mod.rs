//! The record as JSON Schema (draft 2020-12), for tools in other languages.

/// The JSON Schema of a line of results.
///
/// It describes what this version writes: a field or a kind that it does not know is refused.
///
/// ```
/// let schema: serde_json::Value = serde_json::from_str(nvmetest::results::JSON_SCHEMA)?;
/// assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
/// # serde_json::Result::Ok(())
/// ```
pub const JSON_SCHEMA: &str = include_str!("../../../../docs/results.schema.json");

#[cfg(test)]
mod tests;
