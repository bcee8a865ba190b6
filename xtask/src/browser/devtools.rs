//! A browser without a window, and the DevTools protocol over its pipes: JSON, each message ended by a zero.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use command_fds::CommandFdExt;
use command_fds::FdMapping;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::parent_death;

/// A browser that takes longer to answer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser, and one tab of it.
pub struct DevTools {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// What came while an answer was awaited.
    pub events: VecDeque<Value>,
    /// Its profile, which is gone with it.
    _profile: TempDir,
}

impl DevTools {
    /// Starts a browser with an empty tab.
    pub fn start(program: &Path) -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let (their_input, to) = nix::unistd::pipe()?;
        let (from, their_output) = nix::unistd::pipe()?;
        let mut command = parent_death::command(program);
        command
            .args(["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // What this process makes is its user's.
        if profile.path().metadata()?.uid() == 0 {
            // The browser refuses to put root into its sandbox; the page is ours.
            command.arg("--no-sandbox");
        }
        command.fd_mappings(vec![
            FdMapping { parent_fd: their_input, child_fd: 3 },
            FdMapping { parent_fd: their_output, child_fd: 4 },
        ])?;
        let child =
            command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        // Our copies of the browser's ends go here: when it ends, so does the pipe.
        drop(command);
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in BufReader::new(File::from(from)).split(0) {
                let Ok(message) = message else { break };
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            to: to.into(),
            from: messages,
            session: None,
            last: 0,
            events: VecDeque::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        ensure!(browser.session.is_some(), "the browser gives no session");
        Ok(browser)
    }

    /// Calls a method, and waits for its answer.
    pub fn call(&mut self, method: &str, parameters: Value) -> anyhow::Result<Value> {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = (&**session).into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to.write_all(&bytes).context("the browser has ended")?;
        let end = Instant::now() + PATIENCE;
        loop {
            let mut message = self.next(end).with_context(|| format!("no answer to {method}"))?;
            if message["id"] != self.last {
                self.events.push_back(message);
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("the browser refuses {method}: {error}");
            }
            return Ok(message["result"].take());
        }
    }

    /// Waits until an event of that name has come, and keeps it and all others.
    pub fn wait_for(&mut self, method: &str) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.events.iter().any(|event| event["method"] == method) {
            let event = self.next(end).with_context(|| format!("no {method}"))?;
            self.events.push_back(event);
        }
        Ok(())
    }

    fn next(&self, end: Instant) -> anyhow::Result<Value> {
        let left = end.saturating_duration_since(Instant::now());
        self.from.recv_timeout(left).context("the browser has ended, or does not answer")
    }
}

impl Drop for DevTools {
    fn drop(&mut self) {
        self.session = None;
        // Ended in order it takes all its processes with it; and its profile can be removed.
        let closed = self.call("Browser.close", json!({}));
        if closed.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
