//! The verdicts in a file of results.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

/// Returns the verdict of the last attempt of each test that was planned, or `Missing`.
pub fn verdicts(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let file = folder.join("results.jsonl");
    let text = fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let mut verdicts = BTreeMap::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let test = || line["test"].as_str().unwrap_or_default().to_owned();
        match line["kind"].as_str() {
            Some("test") => drop(verdicts.entry(test()).or_insert_with(|| "Missing".to_owned())),
            Some("attempt") => {
                let verdict = line["verdict"].as_str().unwrap_or_default().to_owned();
                verdicts.insert(test(), verdict);
            }
            _ => {}
        }
    }
    Ok(verdicts)
}

/// Returns how the run was asked for: its shard, as `2/3`, if it is one.
pub fn shard(folder: &Path) -> anyhow::Result<Option<String>> {
    let text = fs::read_to_string(folder.join("results.jsonl"))?;
    let run: serde_json::Value = serde_json::from_str(text.lines().next().unwrap_or_default())?;
    let shard = &run["shard"];
    Ok(shard.is_object().then(|| format!("{}/{}", shard["index"], shard["count"])))
}
