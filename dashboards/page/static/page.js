"use strict";
const main = document.getElementById("main");
let lang = new URLSearchParams(location.search).get("lang") || localStorage.getItem("kvartal-lang") || document.documentElement.lang;
let words = WORDS[lang] || WORDS.ru;
let chart = null, shown = "", asked = 0;

/** An element with attributes and children; text is always text, never markup. */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return made;
}

async function get(path) {
  const answer = await fetch(`${path}?lang=${lang}`);
  if (!answer.ok) throw new Error(`${answer.status} ${path}`);
  return answer.json();
}

/** Interval against the promise, on one scale for all rows. */
function bar(row, lo, hi) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("class", "bar"); svg.setAttribute("viewBox", "0 0 150 26"); svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img"); svg.setAttribute("aria-label", `${row.savings_text}; ${row.interval_text}; ${words.promised} ${row.promised_text}`);
  const x = (v) => 4 + 142 * (v - lo) / (hi - lo);
  const add = (name, attributes) => { const e = document.createElementNS(ns, name); for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v); svg.append(e); };
  add("line", { x1: x(0), x2: x(0), y1: 2, y2: 24, stroke: "var(--line)", "stroke-width": 1 });
  if (row.savings !== null) {
    add("rect", { x: x(row.lo), y: 9, width: Math.max(2, x(row.hi) - x(row.lo)), height: 8, rx: 3, fill: "currentColor", opacity: .35 });
    add("circle", { cx: x(row.savings), cy: 13, r: 4.5, fill: "currentColor" });
  }
  if (row.promised !== null) add("line", { x1: x(row.promised), x2: x(row.promised), y1: 3, y2: 23, stroke: "var(--ink)", "stroke-width": 2 });
  return svg;
}

function alertList(alerts) {
  if (!alerts.length) return el("p", { class: "lead" }, words.noAlerts);
  return el("div", {}, alerts.map((a) => el("div", { class: `alert ${a.kind}` }, el("span", {}, a.text), el("span", {}, [a.money, `${words.since} ${a.since}`].filter(Boolean).join(" · ")))));
}

function accountingLine(a) {
  return el("p", { class: "hint" }, `${words.received} ${a.received} = ${words.accepted} ${a.accepted} + ${words.duplicate} ${a.duplicate} + ${words.rejected} ${a.rejected}`);
}

function tableOf(head, rows, numeric = []) {
  if (!rows.length) return el("p", { class: "hint" }, words.empty);
  const cls = (i) => (numeric.includes(i) ? "n" : undefined);
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((h, i) => el("th", { class: cls(i) }, h)))),
    el("tbody", {}, rows.map((r) => el("tr", {}, r.map((c, i) => el("td", { class: cls(i) }, c === null ? "—" : c instanceof Node ? c : String(c))))))));
}

async function portfolioPage() {
  const p = await get("/api/portfolio");
  document.title = `${p.site} — Kvartal`;
  const lo = Math.min(0, ...p.rows.map((r) => r.lo ?? 0)), hi = Math.max(10, ...p.rows.map((r) => Math.max(r.hi ?? 0, r.promised ?? 0)));
  const open = (row) => { location.hash = `#/c/${row.contract}`; };
  return [
    el("h1", {}, p.site), el("p", { class: "lead" }, words.lead(p)),
    el("section", {}, el("h2", {}, words.alerts), alertList(p.alerts)),
    el("section", { class: "card", style: "margin-top:1rem" }, el("table", { class: "portfolio" },
      el("thead", {}, el("tr", {}, el("th", {}, words.house), el("th", { class: "n" }, words.promised), el("th", { class: "n" }, words.measured), el("th", {}), el("th", { class: "n" }, words.money), el("th", {}, words.verdict))),
      el("tbody", {}, p.rows.map((row) => el("tr", { class: "link", "data-contract": row.contract, onclick: () => open(row) },
        el("td", {}, el("a", { href: `#/c/${row.contract}` }, row.house), el("small", {}, row.measure)),
        el("td", { class: "n", "data-label": words.promised }, row.promised_text),
        el("td", { class: "n", "data-label": words.measured }, el("b", {}, row.savings_text), el("small", {}, row.interval_text)),
        el("td", { class: row.verdict }, bar(row, lo, hi)),
        el("td", { class: "n", "data-label": words.money }, row.money_text),
        el("td", { class: row.verdict }, row.verdict_text))))),
      el("p", { class: "hint" }, words.bar)),
    accountingLine(p.accounting),
  ];
}

async function contractPage(id) {
  const c = await get(`/api/contracts/${encodeURIComponent(id)}`);
  document.title = `${c.house} — Kvartal`;
  const place = el("div", { class: "chart", id: "story" });
  const fact = (value, label, cls) => el("div", {}, el("b", { class: cls }, value), el("span", {}, label));
  const openDay = (date) => { location.hash = `#/day/${c.building}/${c.meter}/${date}`; };
  return [
    el("h1", {}, c.house), el("p", { class: "lead" }, `${c.programme} · ${c.measure} · `, el("b", { class: c.verdict }, c.verdict_text)),
    c.neighbours.length > 1 ? el("div", { class: "tabs" }, c.neighbours.map((n) => el("a", { href: `#/c/${n.contract}`, "aria-current": n.contract === id ? "page" : null }, n.measure))) : null,
    el("div", { class: "facts" },
      fact(c.savings_text, `${words.interval} ${c.interval_text || "—"}`, c.verdict), fact(c.promised_text, words.promised.toLowerCase()),
      fact(c.avoided_text, `${words.avoided} ${words.since} ${c.reporting}`), fact(c.money_text, words.perYear)),
    el("section", { class: "card" }, place, el("p", { class: "hint" }, `${words.average} ${words.click}`)),
    el("section", {}, el("h2", {}, words.alerts), alertList(c.alerts)),
    el("div", { class: "facts" }, fact(c.grade, words.grade), fact(c.through, words.through), fact(String(c.days_missing), words.missing), fact(c.estimated_text, words.estimated)),
    c.unclear_days.length ? el("section", {}, el("h2", {}, words.unclear), tableOf([words.date, words.flags], c.unclear_days.map(([text, date, f]) => [el("a", { href: `#/day/${c.building}/${c.meter}/${date}` }, text), f]))) : null,
    c.baseline ? el("section", {}, el("h2", {}, words.baseline), el("p", {}, el("a", { href: `/api/contracts/${id}/baseline` }, words.document)), el("pre", { class: "card" }, JSON.stringify(c.baseline, null, 1))) : null,
    () => { chart = storyChart(place, c, words, openDay); },
  ];
}

async function dayPage(building, meter, date) {
  const d = await get(`/api/days/${building}/${meter}/${date}`);
  document.title = `${d.date} — ${d.house}`;
  const near = (step, word) => el("a", { href: `#/day/${building}/${meter}/${d.ordinal + step}` }, word);
  return [
    el("h1", {}, `${d.house}, ${d.date}`), el("p", { class: "lead" }, `${d.meter_name}: ${d.used} ${d.unit}; ${words.coverage} ${d.coverage}`),
    el("div", { class: "tabs" }, near(-1, `← ${words.prev}`), near(1, `${words.next} →`)),
    el("div", { class: "two" },
      el("section", { class: "card" }, el("h2", {}, words.hours), tableOf([words.hour, `${words.use}, ${d.unit}`, words.flags], d.hours, [1]),
        d.unknown.length ? el("div", {}, el("h2", {}, words.unknown), tableOf([words.from, words.to, d.unit], d.unknown, [2])) : null),
      el("section", { class: "card", id: "readings" }, el("h2", {}, words.readings), tableOf([words.time, `${words.value}, ${d.unit}`, d.base], d.readings, [1, 2]))),
  ];
}

async function accountingPage() {
  const a = await get("/api/accounting");
  document.title = `${words.accounting} — Kvartal`;
  return [
    el("h1", {}, words.accounting), accountingLine(a.accounting),
    el("h2", {}, words.reasons), tableOf([words.reason, words.count], Object.entries(a.accounting.reasons), [1]),
    el("h2", {}, words.rejectedList), tableOf([words.when, words.topic, words.reason, words.detail, words.payload], a.rejected.map((r) => [...r.slice(0, 4), el("code", {}, r[4])])),
    el("h2", {}, words.findings), tableOf([words.building, words.meter, words.kind, words.from, words.to, words.detail], a.findings),
    el("h2", {}, words.restatements), tableOf([words.building, words.meter, words.date, words.old, words.new, words.cause, words.when], a.restatements, [3, 4]),
  ];
}

async function render() {
  const turn = ++asked, [page, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  let parts;
  try {
    if (!page) parts = await portfolioPage();
    else if (page === "c") parts = await contractPage(rest[0]);
    else if (page === "day") parts = await dayPage(...rest);
    else if (page === "accounting") parts = await accountingPage();
    else parts = [el("p", {}, words.notFound)];
  } catch (error) {
    parts = [el("p", { role: "alert" }, String(error.message || error))];
  }
  if (turn !== asked) return;
  const moved = shown !== location.hash, scroll = scrollY;
  shown = location.hash;
  if (chart) { chart.destroy(); chart = null; }
  main.replaceChildren(...parts.filter((p) => p instanceof Node));
  parts.filter((p) => typeof p === "function").forEach((p) => p());
  scrollTo(0, moved ? 0 : scroll);
  if (moved) main.focus({ preventScroll: true });
}

function say() {
  words = WORDS[lang] || WORDS.ru;
  document.documentElement.lang = lang;
  document.querySelectorAll("[data-word]").forEach((e) => { e.textContent = words[e.dataset.word]; });
  document.getElementById("lang").textContent = words.other;
}

document.getElementById("lang").addEventListener("click", () => {
  lang = lang === "ru" ? "en" : "ru";
  localStorage.setItem("kvartal-lang", lang);
  say(); render();
});
addEventListener("hashchange", render);

// A change of the store is told by the server; the page asks again at most once a second, and not under a hand.
let due = null;
const live = document.getElementById("live");
const stream = new EventSource("/events");
stream.addEventListener("open", () => { live.className = "on"; live.textContent = words.live; });
stream.addEventListener("error", () => { live.className = ""; live.textContent = words.lost; });
stream.addEventListener("message", () => {
  if (due === null) due = setTimeout(() => { due = null; if (!document.hidden && !document.querySelector(".u-over:hover")) render(); }, 1000);
});
say(); render();
