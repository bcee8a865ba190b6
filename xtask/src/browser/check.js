// What an audit of accessibility looks for first. The value is a list of sentences.
(() => {
  const complaints = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const place = (element) => `${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""} "${(element.textContent ?? "").trim().slice(0, 40)}"`;

  if (!document.documentElement.lang) complaints.push("the page has no language");
  if (!document.title.trim()) complaints.push("the page has no title");
  if (all("main").length !== 1 || all("h1").length !== 1) complaints.push("there is not one main and one h1");

  const ids = new Set();
  for (const { id } of all("[id]")) {
    if (ids.has(id)) complaints.push(`two elements have the id ${id}`);
    ids.add(id);
  }
  for (const link of all("a[href^='#']")) {
    if (!ids.has(link.hash.slice(1))) complaints.push(`${place(link)} leads nowhere`);
  }

  const name = (element) => (element.ariaLabel
    ?? (element.getAttribute("aria-labelledby") && document.getElementById(element.getAttribute("aria-labelledby"))?.textContent)
    ?? (element.labels?.[0]?.textContent)
    ?? element.textContent ?? "").trim();
  for (const element of all("a, button, input, summary, svg[role=img], [role=region], [role=search] input")) {
    if (!name(element)) complaints.push(`${place(element)} has no accessible name`);
  }
  for (const header of all("th")) {
    if (!header.scope) complaints.push(`${place(header)} heads neither a row nor a column`);
    if (!header.textContent.trim()) complaints.push(`${place(header)} is empty`);
  }

  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const here = Number(heading.tagName[1]);
    if (level + 1 < here) complaints.push(`${place(heading)} skips a level`);
    level = here;
  }

  // What scrolls has to be reached by the keyboard.
  for (const element of all("pre, .scroll")) {
    if (element.checkVisibility() && element.clientWidth < element.scrollWidth && element.tabIndex < 0) {
      complaints.push(`${place(element)} scrolls, and the keyboard does not reach it`);
    }
  }

  // Contrast of text and ground: 4.5 to 1 at least (WCAG 2.2, 1.4.3).
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const known = new Map();
  const contrast = (ground, ink) => {
    const key = [...ground, ink].join();
    if (!known.has(key)) {
      const [a, b] = [luminance(paint(ground)), luminance(paint([...ground, ink]))];
      known.set(key, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
    }
    return known.get(key);
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, svg, .skip, .hidden") || !element.checkVisibility()) continue;
    const ground = [];
    for (let at = element; at; at = at.parentElement) ground.unshift(getComputedStyle(at).backgroundColor);
    const ratio = contrast(ground, getComputedStyle(element).color);
    if (ratio < 4.5) poor.add(`${place(element)} has a contrast of ${ratio.toFixed(2)}`);
  }
  complaints.push(...[...poor].slice(0, 10));
  return complaints;
})()
