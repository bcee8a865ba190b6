//! A page in the browser: what is asked of it, and what is done to it.

use std::path::Path;

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;
use serde_json::json;

use super::devtools::DevTools;

/// A page that was opened from disk.
pub struct Page(DevTools);

impl Page {
    /// Opens a file, and waits until it is there.
    pub fn open(mut browser: DevTools, file: &Path) -> anyhow::Result<Self> {
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        let file =
            file.canonicalize().with_context(|| format!("{} is not there", file.display()))?;
        let url = format!("file://{}", file.display());
        let opened = browser.call("Page.navigate", json!({"url": url}))?;
        if let Some(error) = opened["errorText"].as_str() {
            bail!("{url} does not open: {error}");
        }
        browser.wait_for("Page.loadEventFired")?;
        Ok(Self(browser))
    }

    /// Evaluates an expression, and returns its value.
    pub fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.0.call("Runtime.evaluate", asked)?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("`{expression:.60}` throws: {}", exception["exception"]["description"]);
        }
        Ok(answer["result"]["value"].take())
    }

    /// Makes the window so wide.
    pub fn resize(&mut self, width: u32, height: u32) -> anyhow::Result<()> {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.0.call("Emulation.setDeviceMetricsOverride", size).map(drop)
    }

    /// Has the system prefer `light` or `dark`.
    pub fn prefer(&mut self, scheme: &str) -> anyhow::Result<()> {
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.0.call("Emulation.setEmulatedMedia", scheme).map(drop)
    }

    /// Presses a key, and releases it.
    pub fn press(&mut self, key: &str) -> anyhow::Result<()> {
        let text = match key {
            "Enter" => Some("\r"),
            key if key.len() == 1 => Some(key),
            _ => None,
        };
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            _ => 0,
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.0.call("Input.dispatchKeyEvent", event)?;
        let event = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code});
        self.0.call("Input.dispatchKeyEvent", event).map(drop)
    }

    /// Prints the page, and returns the bytes of the PDF.
    pub fn print(&mut self) -> anyhow::Result<Vec<u8>> {
        let answer = self.0.call("Page.printToPDF", json!({"printBackground": true}))?;
        base64(answer["data"].as_str().unwrap_or_default())
    }

    /// Takes a picture of what is in the window, as PNG.
    pub fn picture(&mut self) -> anyhow::Result<Vec<u8>> {
        let answer = self.0.call("Page.captureScreenshot", json!({}))?;
        base64(answer["data"].as_str().unwrap_or_default())
    }

    /// Returns what the console says of errors, and which requests left the page, so far.
    pub fn complaints(&self) -> Vec<String> {
        let complaint = |event: &Value| {
            let parameters = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(format!("exception: {parameters}")),
                "Log.entryAdded" => Some(format!("console: {}", parameters["entry"])),
                "Runtime.consoleAPICalled" => Some(format!("console: {parameters}")),
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap_or_default();
                    let at_home = url.starts_with("file:") || url.starts_with("data:");
                    (!at_home).then(|| format!("request: {url}"))
                }
                _ => None,
            }
        };
        self.0.events.iter().filter_map(complaint).collect()
    }
}

fn base64(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => bail!("the browser sends what is no Base64"),
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if 8 <= count {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        assert_eq!(base64("bnZtZXRlc3Q=").unwrap(), b"nvmetest");
        assert_eq!(base64("/+8=").unwrap(), [0xff, 0xef]);
        assert!(base64("a b").is_err());
    }
}
