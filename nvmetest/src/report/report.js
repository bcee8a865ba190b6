"use strict";
// The page is whole without this script: it adds the filter, the keys, and the choice of light or dark.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  // Light or dark: as the system has it, until somebody chooses.
  const theme = one("#theme");
  const themes = ["system", "light", "dark"];
  const dress = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    theme.lastChild.textContent = name;
  };
  let chosen = "system";
  // A page from disk may have no storage.
  try { chosen = themes.find((name) => name === localStorage.getItem("nvmetest-theme")) ?? "system"; } catch {}
  dress(chosen);
  theme.hidden = false;
  theme.addEventListener("click", () => {
    chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
    dress(chosen);
    try { localStorage.setItem("nvmetest-theme", chosen); } catch {}
  });

  // A link to a finding opens it.
  const reveal = (id) => {
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target.tagName === "DETAILS") {
      target.scrollIntoView();
      target.firstElementChild.focus({ preventScroll: true });
    }
  };
  addEventListener("hashchange", () => reveal(location.hash.slice(1)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    // The hash does not change where it is followed twice.
    if (link && link.hash === location.hash) reveal(link.hash.slice(1));
  });
  reveal(location.hash.slice(1));

  // The filter.
  const form = one("#filter");
  const find = one("#find");
  const found = one("#found");
  const areas = all(".area").map((element) => ({
    element,
    open: element.open,
    rows: all("tbody tr", element).map((row) => ({
      row,
      verdict: row.querySelector(".v").textContent,
      text: `${element.querySelector("h3").textContent}::${row.textContent}`.toLowerCase(),
    })),
  }));
  const chips = all("[data-verdict]");
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(chips.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.dataset.verdict));
    const idle = words.length === 0 && verdicts.size === 0;
    let shown = 0, total = 0;
    for (const area of areas) {
      let here = 0;
      for (const { row, verdict, text } of area.rows) {
        const fits = words.every((word) => text.includes(word)) && (verdicts.size === 0 || verdicts.has(verdict));
        row.hidden = !fits;
        here += fits;
      }
      area.element.hidden = here === 0;
      area.element.open = idle ? area.open : here !== 0;
      shown += here;
      total += area.rows.length;
    }
    found.textContent = idle ? "" : `${shown} of ${total} tests`;
  };
  if (form) {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    find.addEventListener("input", filter);
    for (const chip of chips) chip.addEventListener("click", () => {
      chip.ariaPressed = String(chip.ariaPressed !== "true");
      filter();
    });
    for (const link of all("[data-find]")) link.addEventListener("click", () => {
      find.value = link.dataset.find;
      filter();
    });
  }

  // The keys.
  const findings = all(".finding");
  const step = (by) => {
    const at = findings.findIndex((finding) => finding.contains(document.activeElement));
    const next = findings[at === -1 ? (by === 1 ? 0 : findings.length - 1) : at + by];
    if (!next) return;
    next.firstElementChild.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input");
    if (event.key === "Escape" && typing) {
      find.value = "";
      for (const chip of chips) chip.ariaPressed = "false";
      filter();
      find.blur();
    } else if (!typing && event.key === "/" && form) {
      event.preventDefault();
      find.focus();
      find.scrollIntoView({ block: "center" });
    } else if (!typing && event.key === "j") step(1);
    else if (!typing && event.key === "k") step(-1);
  });

  // What copies.
  for (const button of all(".copy")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // Paper opens nothing: findings are printed as they would be read.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const element of closed) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of closed) element.open = false;
  });

  // Where the reader is.
  const links = new Map(all("nav ul a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of all("section[id]")) seen.observe(section);
})();
