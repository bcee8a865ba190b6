//! The schema is that of the types, and lines keep it.

use expect_test::expect_file;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use serde_json::json;

use super::JSON_SCHEMA;
use crate::results::Line;
use crate::results::SCHEMA;

/// `UPDATE_EXPECT=1 cargo test -p nvmetest --lib schema` writes it anew.
#[test]
fn the_schema_is_that_of_the_types() {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Line>().to_value();
    schema["title"] = json!(format!("A line of nvmetest's results, schema {SCHEMA}"));
    strict(&mut schema);
    plain(&mut schema);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    expect_file!["../../../../docs/results.schema.json"].assert_eq(&text);
}

/// A reader in Rust leaves out what it does not know; the schema says what is written.
fn strict(schema: &mut Value) {
    for kind in schema["oneOf"].as_array_mut().unwrap() {
        kind["unevaluatedProperties"] = false.into();
    }
    let kinds = ["Run", "Device", "Planned", "Begin", "Attempt", "Health", "Note", "End"];
    for (name, definition) in schema["$defs"].as_object_mut().unwrap() {
        // The kinds have a field more, `kind`, which is not theirs.
        if !kinds.contains(&&**name) && definition["type"] == "object" {
            definition["additionalProperties"] = false.into();
        }
    }
}

/// Takes rustdoc's links out of the descriptions.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                while let Some(link) = text.find("](") {
                    let end = text[link..].find(')').map_or(text.len(), |end| link + end + 1);
                    text.replace_range(link..end, "");
                    if let Some(start) = text[..link].rfind('[') {
                        text.remove(start);
                    }
                }
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            members.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// A line of each kind, with all fields that there are.
fn lines() -> Vec<Value> {
    let waiver = json!({
        "verdict": "Fail", "clause": "Base 5.1.1", "reason": "known", "link": "https://bugs.example/1",
        "expires": "2027-03-31"
    });
    vec![
        json!({
            "kind": "run", "schema": 1, "id": "r1", "tool": "0.1.0",
            "suite": {"name": "nvme", "tests": 590, "hash": "00ff"}, "profile": "default",
            "mode": "certify", "seed": u64::MAX, "shard": {"index": 1, "count": 2, "tests": 590, "cut": 7}, "host": "lab",
            "command": ["nvmetest-qualify", "run"], "started_ms": 1
        }),
        json!({
            "kind": "device", "device": 0, "uri": "pci:0000:01:00.0", "model": "M", "serial": "S",
            "firmware": "F", "version": "2.1.0",
            "choices": [{"name": "MDTS", "value": "5", "clause": "Base 5.1.13.2.1"}], "opened_ms": 2
        }),
        json!({
            "kind": "test", "device": 0, "test": "flush::a_flush", "area": "flush",
            "clause": "NVM 3.3.2", "file": "flush.rs", "line": 7
        }),
        json!({"kind": "begin", "device": 0, "test": "flush::a_flush", "attempt": 1, "at_ms": 3}),
        json!({
            "kind": "attempt", "device": 0, "test": "flush::a_flush", "attempt": 1,
            "verdict": "ExpectedFail", "found": "Fail", "message": "no", "started_ms": 3, "took_us": 4,
            "waiver": waiver, "evidence": "evidence/flush.a_flush/attempt-1", "rerun": "nvme ...",
            "measured": [{"name": "read.p99", "value": 1.5, "unit": "ns", "limit": 2.0, "at_least": 1.0}],
            "workers": [{
                "name": "w", "commands": 1, "errors": 0, "iops": 1.0, "seconds": [1], "step_s": 1,
                "latency": [["Read", [[50.0, 1000], [99.9, 2000]]]]
            }],
            "commands": [{
                "command": "Identify", "admin": true, "count": 2, "pending": 1,
                "latency": [[50.0, 1000], [100.0, 2000]], "limits": [[100.0, 3000]],
                "slowest": "Identify cns=0x1 (flush.rs:9)"
            }]
        }),
        json!({"kind": "health", "device": 0, "when": "before", "values": {"power_cycles": 3}}),
        json!({
            "kind": "note", "about": "quarantined", "device": 0, "test": "flush::a_flush",
            "text": "it is not run any more", "at_ms": 5
        }),
        json!({"kind": "end", "reason": "complete", "exit": 0, "took_ms": 6}),
    ]
}

#[test]
fn a_line_of_each_kind_keeps_the_schema_as_it_was_and_as_it_is_written() {
    let schema = serde_json::from_str(JSON_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for line in lines() {
        let why = validator.iter_errors(&line).map(|error| error.to_string()).collect::<Vec<_>>();
        assert!(why.is_empty(), "{line}: {why:?}");
        let read: Line = serde_json::from_value(line.clone()).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written, line, "all of it is read and written");
    }
}

#[test]
fn what_is_unknown_or_missing_or_of_another_type_is_refused() {
    let schema = serde_json::from_str(JSON_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for line in lines() {
        let mut more = line.clone();
        more["a_field_that_nobody_knows"] = 1.into();
        assert!(!validator.is_valid(&more), "{more}");
        let mut kind = line.clone();
        kind["kind"] = "verdict".into();
        assert!(!validator.is_valid(&kind), "{kind}");
        let mut less = line.clone();
        let first = line.as_object().unwrap().keys().find(|key| *key != "kind").unwrap();
        less[first] = json!({"an": "object"});
        assert_eq!(validator.is_valid(&less), first == "values", "{less}");
    }
    let mut inner = lines().swap_remove(4);
    inner["waiver"]["severity"] = 3.into();
    assert!(!validator.is_valid(&inner));
    inner = lines().swap_remove(4);
    inner["verdict"] = "Perhaps".into();
    assert!(!validator.is_valid(&inner));
}
