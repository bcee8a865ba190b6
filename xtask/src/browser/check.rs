//! What is checked of a page.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use serde_json::Value;

use super::devtools::DevTools;
use super::page::Page;
use crate::system;

/// What looks at the page from within.
const AUDIT: &str = include_str!("check.js");

/// So often Tab is pressed until something is reached.
const TABS: usize = 2_000;

/// The widths that the page has to fit: a telephone, and a screen.
const WIDTHS: [(u32, u32); 2] = [(360, 740), (1280, 900)];

/// Checks the page in `file`. Returns what was seen, in one line.
pub fn check(file: &Path, pictures: Option<&Path>) -> anyhow::Result<String> {
    let program = system::find("chromium").context("there is no chromium on PATH")?;
    let mut page = Page::open(DevTools::start(&program)?, file)?;
    let pictures = Pictures(pictures);

    nothing_is_obeyed(&mut page)?;
    for scheme in ["light", "dark"] {
        page.prefer(scheme)?;
        for (width, height) in WIDTHS {
            page.resize(width, height)?;
            page.evaluate("scrollTo(0, 0)")?;
            pictures.take(&mut page, &format!("{scheme}-{width}"))?;
        }
    }
    both_schemes(&mut page)?;
    keyboard(&mut page)?;
    page.evaluate("document.querySelector('#filter')?.scrollIntoView({ behavior: 'instant' })")?;
    pictures.take(&mut page, "filtered")?;

    // All that can be opened is, from here on.
    page.press("Escape")?;
    page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true })")?;
    for (width, height) in WIDTHS {
        page.resize(width, height)?;
        no_overflow(&mut page, width)?;
    }
    for scheme in ["light", "dark"] {
        page.prefer(scheme)?;
        let complaints = page.evaluate(AUDIT)?;
        let complaints: Vec<&str> =
            complaints.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        ensure!(complaints.is_empty(), "in {scheme}: {}", complaints.join("; "));
        for part in
            ["#findings", ".finding.fail", "#changes", "#requirements", "#performance", "#devices"]
        {
            page.evaluate(&format!("document.querySelector({part:?})?.scrollIntoView()"))?;
            pictures.take(&mut page, &format!("{scheme}-{}", part.trim_matches(['#', '.'])))?;
        }
    }
    let paper = page.print()?;
    ensure!(paper.starts_with(b"%PDF-"), "what the browser prints is no PDF");
    pictures.keep("paper.pdf", &paper)?;

    let complaints = page.complaints();
    ensure!(complaints.is_empty(), "the browser complains: {}", complaints.join("; "));
    let size = file.metadata()?.len();
    Ok(format!("{size} bytes, {} bytes as PDF: no error, no request, no overflow", paper.len()))
}

/// The run that never was has messages that would run a script if they were obeyed.
fn nothing_is_obeyed(page: &mut Page) -> anyhow::Result<()> {
    let obeyed = page.evaluate("typeof obeyed")?;
    ensure!(obeyed == "undefined", "a message of a test became a script of the page");
    let scripts = page.evaluate("document.scripts.length")?;
    ensure!(scripts == 1, "the page has {scripts} scripts, and should have one");
    Ok(())
}

/// The page follows the system, and the switch overrules it.
fn both_schemes(page: &mut Page) -> anyhow::Result<()> {
    let ground = "getComputedStyle(document.body).backgroundColor";
    page.prefer("light")?;
    let light = page.evaluate(ground)?;
    page.prefer("dark")?;
    let dark = page.evaluate(ground)?;
    ensure!(light != dark, "the page is {light} in both colour schemes");
    page.evaluate("document.querySelector('#theme').click()")?;
    let chosen = page.evaluate(ground)?;
    ensure!(chosen == light, "the switch says light, and the page is {chosen}");
    page.evaluate(
        "document.querySelector('#theme').click(); document.querySelector('#theme').click()",
    )?;
    ensure!(page.evaluate(ground)? == dark, "the switch does not go back to what the system has");
    Ok(())
}

/// The keyboard alone reaches the results, opens a finding, and filters the tests.
fn keyboard(page: &mut Page) -> anyhow::Result<()> {
    page.press("Tab")?;
    ensure!(
        focused(page, ".skip")?,
        "the first Tab does not reach the link that skips the sections"
    );
    page.press("Enter")?;
    if page.evaluate("document.querySelector('.finding') !== null")? == true {
        page.evaluate(
            "document.querySelectorAll('.finding').forEach((it) => { it.open = false })",
        )?;
        reach(page, ".finding > summary")?;
        page.press("Enter")?;
        let open = page.evaluate("document.activeElement.parentElement.open")?;
        ensure!(open == true, "Enter does not open a finding");
        page.press("j")?;
        ensure!(focused(page, ".finding > summary")?, "j does not go to the next finding");
        page.evaluate(
            "document.querySelectorAll('.finding').forEach((it) => { it.open = false })",
        )?;
    }
    reach(page, "#find")?;
    page.evaluate("document.activeElement.blur()")?;
    page.press("/")?;
    ensure!(focused(page, "#find")?, "the key / does not reach the filter");
    let rows = "[...document.querySelectorAll('.tests tbody tr')].filter((it) => it.checkVisibility({ contentVisibilityAuto: false })).length";
    let first = "document.querySelector('.tests tbody th')";
    let name = format!("({first}.querySelector('a') ?? {first}).firstChild.textContent");
    let name = page.evaluate(&name)?;
    for letter in name.as_str().unwrap_or_default().chars() {
        page.press(&letter.to_string())?;
    }
    let found = page.evaluate(rows)?.as_u64().unwrap_or_default();
    let all = page.evaluate("document.querySelectorAll('.tests tbody tr').length")?;
    let all = all.as_u64().unwrap_or_default();
    ensure!(1 <= found, "the filter finds nothing for {name}");
    ensure!(found < all || all == 1, "the filter shows all {all} tests for {name}");
    Ok(())
}

/// Presses Tab until the focus is on what `selector` selects.
fn reach(page: &mut Page, selector: &str) -> anyhow::Result<()> {
    for _ in 0..TABS {
        page.press("Tab")?;
        if focused(page, selector)? {
            return Ok(());
        }
    }
    bail!("{TABS} times Tab do not reach `{selector}`");
}

fn focused(page: &mut Page, selector: &str) -> anyhow::Result<bool> {
    Ok(page.evaluate(&format!("document.activeElement.matches({selector:?})"))? == true)
}

fn no_overflow(page: &mut Page, width: u32) -> anyhow::Result<()> {
    let wide = page.evaluate("document.documentElement.scrollWidth")?;
    if wide.as_u64().is_some_and(|wide| wide <= u64::from(width)) {
        return Ok(());
    }
    let culprits = format!(
        "[...document.querySelectorAll('body *')].filter((it) => !it.parentElement.closest('.scroll, pre, .bar ul') && it.checkVisibility() && {width} < it.getBoundingClientRect().right).slice(0, 3).map((it) => it.outerHTML.slice(0, 120)).join(' | ')"
    );
    let culprits = page.evaluate(&culprits)?;
    bail!("at a width of {width} the page is {wide} wide: {culprits}");
}

/// Where pictures are left, if anywhere.
struct Pictures<'a>(Option<&'a Path>);

impl Pictures<'_> {
    fn take(&self, page: &mut Page, name: &str) -> anyhow::Result<()> {
        if self.0.is_none() {
            return Ok(());
        }
        let picture = page.picture()?;
        self.keep(&format!("{name}.png"), &picture)
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let Some(folder) = self.0 else { return Ok(()) };
        fs::create_dir_all(folder)?;
        fs::write(folder.join(name), bytes)?;
        Ok(())
    }
}
