// What each address shows, built from the answers of the server only.
import { el, svg } from "/static/dom.js";
import { storyChart } from "/static/chart.js";

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** A part of an address on the page or of the server. */
const path = (...parts) => parts.map(encodeURIComponent).join("/");

/** A verdict that can be read without its colour. */
const SIGNS = { proved: "✓", below: "↓", not_proved: "?", above: "!", waiting: "…" };
const verdict = (row) => el("span", { class: `verdict ${row.verdict}` }, el("i", { "aria-hidden": "true" }, SIGNS[row.verdict]), ` ${row.verdict_text}`);

const at = (axis, value) => `${(3 + 94 * (Math.min(axis.hi, Math.max(axis.lo, value)) - axis.lo) / (axis.hi - axis.lo)).toFixed(2)}%`;

/** Interval against the promise, on one scale for all rows. */
function bar(w, axis, row) {
  const texts = [`${w.key_measured} ${row.savings_text}`, row.interval_text && `${w.key_interval} ${row.interval_text}`, row.promised_text && `${w.key_promised} ${row.promised_text}`];
  const drawn = axis.ticks.map(([tick]) => svg("line", { class: tick === 0 ? "zero" : "tick", x1: at(axis, tick), x2: at(axis, tick), y1: 0, y2: 30 }));
  if (row.lo !== null && row.hi !== null) {
    const left = parseFloat(at(axis, row.lo)), right = parseFloat(at(axis, row.hi));
    drawn.push(svg("rect", { class: "interval", x: `${left}%`, width: `${Math.max(0.8, right - left).toFixed(2)}%`, y: 10, height: 10, rx: 5 }));
  }
  if (row.promised !== null && row.promised !== undefined) drawn.push(svg("line", { class: "promise", x1: at(axis, row.promised), x2: at(axis, row.promised), y1: 4, y2: 26 }));
  if (row.savings !== null) drawn.push(svg("circle", { class: "measured", cx: at(axis, row.savings), cy: 15, r: 4.5 }));
  return svg("svg", { class: `bar ${row.verdict || ""}`, role: "img", "aria-label": texts.filter(Boolean).join("; ") }, drawn);
}

function axisLine(axis) {
  const texts = axis.ticks.map(([tick, text]) => svg("text", { x: at(axis, tick), y: 12, "text-anchor": "middle" }, text));
  return svg("svg", { class: "axis", "aria-hidden": "true" }, texts);
}

function alertRow(w, a) {
  const when = a.state === "open" ? fill(w.since, a) : `${fill(w.since, a)}, ${fill(w.until, a)}`;
  const text = el("a", { href: a.contract ? `#/c/${path(a.contract)}` : `#/h/${path(a.building)}` }, a.text);
  return el("li", { class: `alert ${a.kind} ${a.state}` }, text, el("span", { class: "stake" }, a.money && !a.text.includes(a.money) && [`${w.short_by} `, el("b", {}, `${a.money} `)], when));
}

const alertList = (w, alerts, none) => (alerts.length ? el("ul", { class: "alerts" }, alerts.map((a) => alertRow(w, a))) : el("p", { class: "quiet" }, none));

function accountingLine(w, a) {
  return el("p", { class: "hint" }, el("a", { href: "#/accounting" }, w.readings_line), `: ${w.received} ${a.received} = ${w.accepted} ${a.accepted} + ${w.duplicate} ${a.duplicate} + ${w.rejected} ${a.rejected}`);
}

/** A table; `columns` are [heading, class]; a row may be {cells, href}. */
function table(w, columns, rows, attributes = {}, tall = "") {
  if (!rows.length) return el("p", { class: "quiet" }, w.empty);
  const cell = (value, i, name) => el(name, { class: columns[i][1] }, value === null ? "—" : value);
  return el("div", { class: `scroll ${tall}`, tabindex: tall ? 0 : null }, el("table", attributes,
    el("thead", {}, el("tr", {}, columns.map(([heading], i) => cell(heading, i, "th")))),
    el("tbody", {}, rows.map((row) => {
      const cells = row.cells || row;
      return el("tr", row.href ? { class: "link", "data-href": row.href } : {}, cells.map((value, i) => cell(value, i, "td")));
    }))));
}

const fact = (value, label, cls = "") => el("div", { class: "fact" }, el("b", { class: cls }, value), el("span", {}, label));
const crumbs = (...links) => el("nav", { class: "crumbs" }, links.map(([href, text]) => el("a", { href }, text)));

/** Notes on a day or an hour; a simple measurement does not stand out. */
const notes = (row) => el("span", { class: row.measured ? "fine" : "doubt" }, (row.notes || [row.flags]).join("; "));

export async function houses(get, w) {
  const p = await get("/api/portfolio"), s = p.summary, n = (count) => fill(w.contracts_of, { n: count });
  const row = (r) => {
    const href = `#/c/${encodeURIComponent(r.contract)}`;
    return el("tr", { class: "link", "data-contract": r.contract, "data-href": href },
      el("td", { class: "who" }, el("a", { href }, r.house), el("small", {}, r.measure)),
      el("td", { class: "n promised", "data-label": w.promised }, r.promised_text),
      el("td", { class: "n saved", "data-label": w.measured }, el("b", {}, r.savings_text), el("small", {}, r.interval_text)),
      el("td", { class: "scale" }, bar(w, p.axis, r)),
      el("td", { class: "n money", "data-label": w.money }, r.money_year_text),
      el("td", { class: "conclusion" }, verdict(r)));
  };
  const total = (t) => el("tr", { class: t.name ? "" : "all" },
    el("th", { scope: "row", class: "who" }, t.name ? t.name : w.total, " ", el("small", {}, n(t.contracts))),
    el("td", { class: "n promised" }), el("td", { class: "n saved" }, t.savings_text && el("b", {}, t.savings_text), el("small", {}, t.interval_text)),
    el("td", { class: "scale" }, t.savings === null ? null : bar(w, p.axis, t)),
    el("td", { class: "n money", "data-label": w.money }, t.money_text), el("td", { class: "conclusion" }));
  return {
    title: p.site,
    nodes: [
      el("h1", {}, p.site),
      p.notices.map((text) => el("p", { class: "notice", role: "alert" }, text)),
      el("section", { class: "summary" },
        el("div", { class: "lead" }, el("b", { class: s.saves ? "good" : "bad" }, s.money), el("span", {}, s.saves ? w.saved_year : w.overspent_year), s.money_interval ? el("small", {}, `${w.sure}: `, el("span", { class: "nb" }, s.money_interval)) : null),
        s.carriers.map((c) => el("div", {}, el("b", {}, c.avoided), el("span", {}, `${c.name}, ${fill(w.to_date, s)}`), c.interval ? el("small", {}, `${w.sure}: `, el("span", { class: "nb" }, c.interval)) : null)),
        el("div", {}, el("b", {}, fill(w.proved_count, s)), el("span", {}, w.proved_of),
          p.alerts_open ? el("small", {}, el("a", { href: "#/alerts" }, fill(w.all_alerts, { n: p.alerts_open }))) : null)),
      el("section", { class: "attention" }, el("h2", {}, w.attention), alertList(w, p.alerts, w.no_alerts),
        p.alerts_open > p.alerts.length ? el("p", { class: "hint" }, el("a", { href: "#/alerts" }, fill(w.all_alerts, { n: p.alerts_open }))) : null),
      el("section", { class: "card" }, el("table", { class: "portfolio" },
        el("thead", {}, el("tr", {}, el("th", {}, w.house), el("th", { class: "n" }, w.promised), el("th", { class: "n" }, w.measured), el("th", { class: "scale" }, el("span", {}, w.scale), axisLine(p.axis)), el("th", { class: "n" }, w.money), el("th", {}, w.verdict))),
        el("tbody", {}, p.rows.map(row)), el("tfoot", {}, p.totals.map(total))),
      el("p", { class: "hint keys" }, el("span", { class: "key interval" }), w.key_interval, el("span", { class: "key dot" }), w.key_measured, el("span", { class: "key promise" }), w.key_promised)),
      p.others.length ? el("section", {}, el("h2", {}, w.other_houses), el("ul", { class: "plain" }, p.others.map((o) => el("li", {}, el("a", { href: `#/h/${path(o.building)}` }, o.house))))) : null,
      accountingLine(w, p.accounting),
    ],
  };
}

export async function contract(get, w, id) {
  const c = await get(`/api/contracts/${encodeURIComponent(id)}`), q = c.quality, b = c.baseline;
  const place = el("div", { class: "chart", id: "story", role: "img", "aria-label": `${fill(w.use_a_day, c)}. ${c.story}`, "data-keep": true });
  const day = (date) => `#/day/${encodeURIComponent(c.building)}/${encodeURIComponent(c.meter)}/${date}`;
  const key = (cls, text) => el("span", {}, el("span", { class: `key ${cls}` }), text);
  const sure = c.lo === null ? w.sure : fill(w.interval, { lo: c.lo_text, hi: c.hi_text });
  const months = c.months.map((m) => ({
    href: `#/c/${encodeURIComponent(id)}/${m.month}`,
    cells: [el("a", { href: `#/c/${encodeURIComponent(id)}/${m.month}` }, m.name), m.expected, m.used, el("b", { class: m.saves ? "good" : "bad" }, m.avoided), m.savings, m.money, String(m.days)],
  }));
  return {
    title: c.house,
    nodes: [
      crumbs(["#/", w.all_houses]),
      el("h1", {}, c.house), el("p", { class: "under" }, [c.programme, c.measure].filter(Boolean).join(" · "), " ", verdict(c)),
      el("div", { class: "tabs" }, c.neighbours.length > 1 ? c.neighbours.map((n) => el("a", { href: `#/c/${encodeURIComponent(n.contract)}`, "aria-current": n.contract === id ? "page" : null }, n.measure)) : null,
        el("a", { href: `#/h/${path(c.building)}` }, w.meters_of)),
      el("p", { class: "story" }, c.story),
      el("div", { class: "facts" },
        fact(c.savings_text, sure, c.verdict), fact(c.promised_text, w.promised.toLowerCase()),
        fact(c.size_text, `${c.saves ? w.saved : w.overspent} ${fill(w.since, { since: c.reporting })}`, c.saves ? "" : "bad"),
        fact(c.money_text, fill(w.money_since, { since: c.reporting }), c.saves ? "" : "bad"), fact(c.money_year_text, w.per_year)),
      el("section", { class: "card" }, el("h2", {}, fill(w.use_a_day, c)),
        el("p", { class: "keys" }, key("used", w.used), key("expected", w.expected), key("band", w.band), key("gap", w.gap), key("day", w.one_day)),
        place, el("p", { class: "hint" }, w.picture_hint)),
      c.alerts.length ? el("section", {}, el("h2", {}, w.attention), alertList(w, c.alerts, w.no_alerts)) : null,
      c.changes.length ? el("section", { class: "card", id: "changes" }, el("h2", {}, w.changes), el("ul", {}, c.changes.map((text) => el("li", {}, text))), el("p", { class: "hint" }, w.changes_lead)) : null,
      el("section", { class: "card" }, el("h2", {}, w.by_month),
        table(w, [[w.month], [`${w.expected_short}, ${c.unit}`, "n wide"], [`${w.used_short}, ${c.unit}`, "n wide"], [`${w.saved_short}, ${c.unit}`, "n"], ["%", "n wide"], [c.currency, "n"], [w.days, "n wide"]], months, { class: "months" })),
      el("section", { class: "card", id: "terms" }, el("h2", {}, w.terms), el("dl", { class: "terms" }, c.terms.map(([label, text]) => el("div", {}, el("dt", {}, label), el("dd", {}, text))))),
      el("section", { class: "card" }, el("h2", {}, w.trust),
        el("div", { class: "facts" }, fact(q.grade, `${w.grade}: ${q.grade_text}`), fact(q.through, w.through), fact(String(q.days), w.days_counted), fact(String(q.days_missing), w.days_missing), q.outages ? fact(String(q.outages), w.days_out) : null,
          fact(q.coverage, w.coverage), fact(q.estimated, w.estimated), fact(q.unknown, w.unknown_energy), fact(String(q.extrapolated), w.extrapolated)),
        q.unclear_days.length ? el("details", {}, el("summary", {}, `${w.unclear}: ${q.unclear_days.length}`),
          table(w, [[w.date], [w.flags]], q.unclear_days.map(([text, date, doubts]) => ({ href: day(date), cells: [el("a", { href: day(date) }, text), doubts] })))) : null),
      b ? el("section", { class: "card" }, el("h2", {}, w.baseline), el("p", {}, fill(w.baseline_fitted, b)),
        el("dl", {}, [[w.mean, b.mean], [w.cvrmse, b.cvrmse], [w.r2, b.r2], [w.nmbe, b.nmbe]].map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
        el("details", {}, el("summary", {}, `${w.model} ${b.model}`), el("p", {}, w.formula, ": ", el("code", {}, b.formula)),
          el("p", {}, w.parameters, ": ", el("code", {}, Object.entries(b.parameters).map(([name, value]) => `${name} = ${value}`).join("; ")))),
        el("p", {}, el("a", { href: `/api/baselines/${b.id}` }, fill(w.document, b)))) : null,
    ],
    live: () => {
      const chart = storyChart(place, c, w, (date) => { location.hash = day(date); });
      return { destroy: chart.destroy, update: (next) => chart.update(next.story) };
    },
    story: c,
  };
}

export async function month(get, w, id, name) {
  const m = await get(`/api/contracts/${encodeURIComponent(id)}/months/${encodeURIComponent(name)}`);
  const to = (other) => `#/c/${encodeURIComponent(id)}/${other}`;
  const rows = m.rows.map((d) => {
    const href = `#/day/${encodeURIComponent(m.building)}/${encodeURIComponent(m.meter)}/${d.ordinal}`;
    return { href, cells: [el("a", { href }, d.date), d.temp, d.expected, d.used, el("b", { class: d.saves ? "good" : "bad" }, d.avoided), d.coverage, notes(d)] };
  });
  return {
    title: `${m.name} — ${m.house}`,
    nodes: [
      crumbs(["#/", w.all_houses], [`#/c/${encodeURIComponent(id)}`, `${m.house}, ${m.measure}`]),
      el("h1", {}, `${m.house}, ${m.name}`),
      el("div", { class: "tabs" }, el("a", { href: to(m.previous) }, `← ${w.previous_month}`), el("a", { href: to(m.next) }, `${w.next_month} →`)),
      el("section", { class: "card" }, table(w, [[w.date], [w.temperature, "n wide"], [`${w.expected_short}, ${m.unit}`, "n wide"], [`${w.used_short}, ${m.unit}`, "n"], [`${w.saved_short}, ${m.unit}`, "n"], [w.day_coverage, "n wide"], [w.flags, "wide"]], rows)),
    ],
  };
}

export async function day(get, w, building, meter, date, quantity) {
  const d = await get(`/api/days/${path(building, meter, date, ...(quantity ? [quantity] : []))}`);
  const to = (step) => `#/day/${path(building, meter, d.ordinal + step, ...(quantity ? [quantity] : []))}`;
  const load = (share) => svg("svg", { class: "load", "aria-hidden": "true" }, svg("rect", { x: 0, y: 0, height: "100%", rx: 2, width: `${Math.max(0, 100 * share)}%` }));
  const hours = d.hours.map((h) => [h.hour, h.amount, load(h.share), notes(h)]);
  const behind = d.contracts.length ? [[`#/c/${path(d.contracts[0])}`, d.house], [`#/c/${path(d.contracts[0], d.month)}`, d.month_name]]
    : [[`#/h/${path(building)}`, d.house], [`#/m/${path(building, meter, d.quantity, d.month)}`, d.month_name]];
  const gauge = (cell) => (cell === null ? null : el("span", { class: cell.partly ? "doubt" : "" }, el("b", {}, cell.mean), el("small", {}, cell.range, cell.partly && `, ${fill(w.partly, { share: cell.partly })}`)));
  return {
    title: `${d.date} — ${d.house}`,
    nodes: [
      crumbs(["#/", w.all_houses], ...behind),
      el("h1", {}, `${d.house}, ${d.date}`), el("p", { class: "under" }, `${d.meter_name} · ${d.what}`),
      el("div", { class: "tabs" }, el("a", { href: to(-1) }, `← ${w.previous_day}`), el("a", { href: to(1) }, `${w.next_day} →`), el("a", { href: `#/h/${path(building)}` }, w.meters_of)),
      el("div", { class: "facts" }, fact(d.used, w.used_short), d.figures.flatMap((f) => [fact(f.expected, `${w.expected}: ${f.measure}`), fact(f.avoided, w.saved_short, f.saves ? "good" : "bad")]), fact(d.temp, w.outdoors), fact(d.coverage, w.day_coverage)),
      d.notes.length ? el("p", { class: "doubt", id: "notes" }, d.notes.join("; ")) : null,
      el("div", { class: "two" },
        el("section", { class: "card" }, el("h2", {}, w.hours), table(w, [[w.hour], [`${w.use}, ${d.unit}`, "n"], ["", "loads"], [w.flags]], hours, { class: "hours" }),
          d.unknown.length ? [el("h2", {}, w.unknown), table(w, [[w.from], [w.to], [d.unit, "n"]], d.unknown)] : null),
        el("section", { class: "card", id: "readings" }, el("h2", {}, w.readings), table(w, [[w.time], [`${w.value}, ${d.unit}`, "n"], [fill(w.exact, { unit: d.base }), "n wide"]], d.readings))),
      d.gauges.hours.length ? el("section", { class: "card", id: "gauges" }, el("h2", {}, w.gauges_of), table(w, [[w.hour], ...d.gauges.columns.map((name) => [name, "n"])], d.gauges.hours.map(([hour, cells]) => [hour, ...cells.map(gauge)]), { class: "hours" })) : null,
    ],
  };
}

export async function building(get, w, id) {
  const h = await get(`/api/buildings/${path(id)}`), names = Object.fromEntries(h.meters.map((m) => [m.meter, m.name]));
  const meters = h.meters.map((m) => {
    const href = `#/m/${path(id, m.meter, m.quantity)}`, month = m.month;
    const side = [m.what, m.parent && fill(w.behind, { parent: names[m.parent] || m.parent }), m.virtual && w.virtual].filter(Boolean).join(", ");
    return { href, cells: [[el("a", { href }, m.name), el("small", {}, side)],
      month && [el("b", {}, `${month.used} ${m.unit}`), month.unknown && el("small", { class: "doubt" }, `${w.more_total} ${month.unknown} ${m.unit}`), el("small", {}, month.name)],
      [m.last_day, el("small", {}, m.last_date)], month && notes(month), m.last_reading] };
  });
  const gauges = h.gauges.map((g) => {
    const href = `#/day/${path(id, g.meter, g.ordinal)}`;
    return { href, cells: [[el("a", { href }, g.name), el("small", {}, g.what)], el("b", {}, g.mean), g.low, g.high, g.coverage, g.date] };
  });
  return {
    title: h.house,
    nodes: [
      crumbs(["#/", w.all_houses]),
      el("h1", {}, `${h.house}: ${w.meters_of.toLowerCase()}`), el("p", { class: "under" }, w.meters_lead),
      h.contracts.length ? el("div", { class: "tabs" }, h.contracts.map((c) => el("a", { href: `#/c/${path(c.contract)}` }, c.measure))) : null,
      el("section", { class: "card", id: "meters" }, table(w, [[w.meter], [w.this_month, "n"], [w.last_day, "n wide"], [w.flags, "wide"], [w.last_reading, "wide"]], meters)),
      h.balances.length ? el("section", { class: "card", id: "balance" }, el("h2", {}, w.balance), h.balances.map((b) => el("p", {}, el("b", {}, b.name), ` — ${b.subs.join(", ")}. `, b.text))) : null,
      gauges.length ? el("section", { class: "card", id: "gauges" }, el("h2", {}, w.gauges), table(w, [[w.meter], [w.mean_day, "n"], [w.lowest, "n wide"], [w.highest, "n wide"], [w.day_coverage, "n wide"], [w.date, "wide"]], gauges)) : null,
      el("section", { class: "card" }, el("h2", {}, w.restatements), restatementsOfOne(w, h.restatements), upTo(w, h, h.restatements)),
      el("section", { class: "card" }, el("h2", {}, w.findings), findingsOfOne(w, h.findings), upTo(w, h, h.findings)),
    ],
  };
}

export async function meter(get, w, building, meter, quantity) {
  const m = await get(`/api/meters/${path(building, meter, quantity)}`);
  const months = m.months.map((each) => {
    const href = `#/m/${path(building, meter, quantity, each.month)}`;
    return { href, cells: [el("a", { href }, each.name), el("b", {}, each.used), each.unknown ? el("span", { class: "doubt" }, each.unknown) : "—", each.estimated || "—", String(each.days), String(each.days_missing), notes(each)] };
  });
  return {
    title: `${m.name} — ${m.house}`,
    nodes: [
      crumbs(["#/", w.all_houses], [`#/h/${path(building)}`, m.house]),
      el("h1", {}, `${m.house}: ${m.name}`), el("p", { class: "under" }, m.what),
      el("section", { class: "card" }, table(w, [[w.month], [`${w.use}, ${m.unit}`, "n"], [`${w.more_total}, ${m.unit}`, "n"], [`${w.estimated_short}, ${m.unit}`, "n wide"], [w.complete_days, "n wide"], [w.days_missing, "n wide"], [w.flags, "wide"]], months, { class: "months" })),
      m.statement.length ? el("section", { class: "card", id: "statement" }, el("h2", {}, w.statement), el("p", { class: "hint" }, w.statement_lead), table(w, [["", ""], [`${w.amount}, ${m.unit}`, "n"], [w.exactly, "n wide"], [w.when, "wide"]], m.statement.map((row) => [row.what, row.amount, row.exact, row.when]))) : null,
    ],
  };
}

export async function meterMonth(get, w, building, meter, quantity, name) {
  const m = await get(`/api/meters/${path(building, meter, quantity, name)}`);
  const to = (other) => `#/m/${path(building, meter, quantity, other)}`;
  const rows = m.rows.map((d) => {
    const href = `#/day/${path(building, meter, d.ordinal, quantity)}`;
    return { href, cells: [el("a", { href }, d.date), el("b", {}, d.used), d.coverage, [notes(d), el("small", {}, d.restated.join("; "))]] };
  });
  return {
    title: `${m.month_name} — ${m.house}`,
    nodes: [
      crumbs(["#/", w.all_houses], [`#/h/${path(building)}`, m.house], [`#/m/${path(building, meter, quantity)}`, m.name]),
      el("h1", {}, `${m.house}, ${m.month_name}`), el("p", { class: "under" }, `${m.name} · ${m.what}`),
      el("div", { class: "tabs" }, el("a", { href: to(m.previous) }, `← ${w.previous_month}`), el("a", { href: to(m.next) }, `${w.next_month} →`)),
      el("section", { class: "card" }, table(w, [[w.date], [`${w.use}, ${m.unit}`, "n"], [w.day_coverage, "n"], [w.flags]], rows)),
    ],
  };
}

const upTo = (w, page, rows) => (rows.length >= page.limit ? el("p", { class: "hint" }, fill(w.newest, { n: page.limit })) : null);

/** Restated days and doubts: house, meter and so on; on the page of a house without its name. */
const restatements = (w, rows) => table(w, [[w.place, "wide"], [w.meter, "wide"], [w.date], [w.old, "n"], [w.new, "n"], [w.cause, "wide"], [w.when, "wide"]], rows, {}, "tall");
const findings = (w, rows) => table(w, [[w.place], [w.meter], [w.kind], [w.from, "wide"], [w.to, "when"], [w.detail, "wide"]], rows, {}, "tall");
const restatementsOfOne = (w, rows) => table(w, [[w.meter, "wide"], [w.date], [w.old, "n"], [w.new, "n"], [w.cause, "wide"], [w.when, "wide"]], rows.map((row) => row.slice(1)), {}, "tall");
const findingsOfOne = (w, rows) => table(w, [[w.meter], [w.kind], [w.from, "wide"], [w.to, "when"], [w.detail, "wide"]], rows.map((row) => row.slice(1)), {}, "tall");

export async function alerts(get, w) {
  const a = await get("/api/alerts");
  return {
    title: w.nav_alerts,
    nodes: [
      el("h1", {}, w.attention), el("p", { class: "under" }, w.alerts_lead),
      el("h2", {}, `${w.open_alerts}: ${a.open.length}`), alertList(w, a.open, w.no_alerts),
      a.resolved.length ? [el("h2", {}, `${w.resolved_alerts}: ${a.resolved.length}`), alertList(w, a.resolved, w.empty)] : null,
    ].flat(),
  };
}

export async function accounting(get, w) {
  const a = await get("/api/accounting"), c = a.accounting;
  const part = (name, sign) => [sign && el("i", {}, sign), el("div", {}, el("b", {}, c[name]), el("span", {}, w[name]))];
  return {
    title: w.nav_accounting,
    nodes: [
      el("h1", {}, w.nav_accounting), el("p", { class: "under" }, w.accounting_lead),
      el("div", { class: "equation" }, part("received"), part("accepted", "="), part("duplicate", "+"), part("rejected", "+")),
      el("section", { class: "card" }, el("h2", {}, w.reasons), table(w, [[w.reason], ["", "wide"], [w.count, "n"]], a.reasons.map(([code, text, n]) => [text, el("code", {}, code), n]))),
      el("section", { class: "card" }, el("h2", {}, w.rejected_list),
        a.rejected.length ? el("ul", { class: "rejected", tabindex: 0 }, a.rejected.map((r) => el("li", {}, el("p", {}, el("b", {}, r.reason_text), ` · ${r.when} · `, el("code", {}, r.topic)), el("p", { class: "quiet" }, r.detail),
          el("p", {}, el("code", {}, r.payload), " ", el("a", { href: `/api/rejected/${r.id}` }, w.whole_payload))))) : el("p", { class: "quiet" }, w.empty), upTo(w, a, a.rejected)),
      el("section", { class: "card" }, el("h2", {}, w.findings), findings(w, a.findings), upTo(w, a, a.findings)),
      el("section", { class: "card" }, el("h2", {}, w.restatements), restatements(w, a.restatements), upTo(w, a, a.restatements)),
      el("section", { class: "card" }, el("h2", {}, w.registers), table(w, [[w.place], [w.meter], [w.accepted, "n"], [w.duplicate, "n wide"], [w.last_reading, "wide"]], a.registers.map((r) => [r.building ? el("a", { href: `#/h/${path(r.building)}` }, r.house) : r.house, r.meter, r.accepted, r.duplicate, r.last]), {}, "tall")),
      el("section", { class: "card" }, el("h2", {}, w.chains), el("p", { class: "hint" }, w.chains_lead),
        table(w, [[w.place], [w.chain_messages, "n"], [w.chain_head], [w.chain_last, "wide"], [w.chain_since, "wide"]], a.chains.map((c) => [c.building ? el("a", { href: `#/h/${path(c.building)}` }, c.house) : c.house, c.messages, el("code", {}, c.head), c.last, c.since]), {}, "tall")),
    ],
  };
}

/** What waits for a decision, and what was decided. The fields of author and reason keep what is typed. */
export async function rulings(get, w) {
  const r = await get("/api/rulings");
  const field = (name, label) => el("label", {}, label, " ", el("input", { id: name, type: "text", maxlength: 200, autocomplete: "off", "data-keep": true }));
  const button = (act, id, label) => el("button", { type: "button", "data-decide": act, "data-id": id }, label);
  const place = (row) => [el("b", {}, row.house), el("small", {}, row.meter)];
  const asked = r.proposals.map((p) => [place(p), [p.kind, el("small", {}, p.detail)], p.from, p.to, p.proposal.map((text) => el("p", {}, text)), button("accept", p.id, w.accept)]);
  const state = (row) => row.withdrawn ? fill(w.withdrawn, { by: row.withdrawn_by, reason: row.withdrawn_because }) : row.in_force ? button("withdraw", row.id, w.withdraw) : w.overruled;
  const made = r.rulings.map((row) => [place(row), row.text, [row.author, el("small", {}, row.reason)], row.stated, state(row)]);
  return {
    title: w.nav_rulings,
    nodes: [
      el("h1", {}, w.nav_rulings), el("p", { class: "under" }, w.rulings_lead),
      el("div", { class: "who" }, field("author", w.author), field("reason", w.why)), el("p", { id: "decided", role: "status", "data-keep": true }),
      el("section", { class: "card" }, el("h2", {}, w.proposals), table(w, [[w.meter], [w.kind], [w.from, "wide"], [w.to, "wide"], [w.proposal], [""]], asked, {}, "tall")),
      el("section", { class: "card" }, el("h2", {}, w.rulings), table(w, [[w.meter], [w.ruling], [w.author, "wide"], [w.when, "wide"], [""]], made, {}, "tall")),
    ],
  };
}
