// The one picture of a contract: expected against used, the 90 % band, the retrofit, the gap shaded and named.

const DAY = 86400;

/** Centred mean over `width` days; days without a figure are left out; needs more than half of them. */
export function weekMean(values, width = 7) {
  const half = (width - 1) / 2;
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - half), i + half + 1).filter((v) => v !== null);
    return near.length > half ? near.reduce((a, b) => a + b, 0) / near.length : null;
  });
}

function series(story) {
  const expected = weekMean(story.expected), used = weekMean(story.used);
  const edge = (sign) => expected.map((v) => (v === null || story.band === null ? null : Math.max(0, v + sign * story.band)));
  return [story.epoch, edge(-1), edge(1), expected, used, story.used];
}

/**
 * Draw the story into `place`; `openDay(ordinal)` is called for a day that was chosen.
 * Returns what updates it and what removes it.
 */
export function storyChart(place, first, words, openDay) {
  let story = first, data = series(story), zoom = "whole";
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(name).trim();
  const locale = document.documentElement.lang;
  const number = (v, digits) => v.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
  const amount = (v) => (v === null || v === undefined ? "—" : `${number(v, 2)} ${story.unit}`);
  const date = (t, how) => new Date(t * 1000).toLocaleDateString(locale, { timeZone: "UTC", ...how });
  const coarse = matchMedia("(pointer: coarse)").matches;

  const clip = (u) => { u.ctx.save(); u.ctx.beginPath(); u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height); u.ctx.clip(); };

  const drawGap = (u) => {
    const [epoch, , , expected, used] = data, on = story.retrofit[1];
    clip(u);
    // One shape for each run of days on one side: neighbours drawn apart would show their seams.
    let run = [], side = null;
    const close = () => {
      if (run.length > 1) {
        u.ctx.fillStyle = colour(side ? "--good-shade" : "--bad-shade");
        u.ctx.beginPath();
        run.forEach(([x, e]) => u.ctx.lineTo(x, e));
        run.reverse().forEach(([x, , y]) => u.ctx.lineTo(x, y));
        u.ctx.closePath(); u.ctx.fill();
      }
      run = [];
    };
    for (let i = 0; i < epoch.length; i++) {
      if (epoch[i] < on || expected[i] === null || used[i] === null) { close(); continue; }
      const point = [u.valToPos(epoch[i], "x", true), u.valToPos(expected[i], "y", true), u.valToPos(used[i], "y", true)];
      const now = expected[i] >= used[i];
      run.push(point);
      if (run.length > 1 && now !== side) { close(); run = [point]; }
      side = now;
    }
    close();
    u.ctx.restore();
  };

  const drawLabels = (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1, narrow = bbox.width / ratio < 520;
    const [off, on] = story.retrofit.map((t) => u.valToPos(t, "x", true));
    const right = bbox.left + bbox.width, size = (px) => px * ratio;
    clip(u);
    ctx.fillStyle = colour("--works"); ctx.fillRect(off, bbox.top, Math.max(size(2), on - off), bbox.height);
    ctx.strokeStyle = colour("--soft"); ctx.lineWidth = size(1.5); ctx.setLineDash([size(5), size(4)]);
    ctx.beginPath(); ctx.moveTo(on, bbox.top); ctx.lineTo(on, bbox.top + bbox.height); ctx.stroke(); ctx.setLineDash([]);
    const say = (text, x, line, { weight = 600, px = narrow ? 12 : 13, fill = "--soft", align = "left" } = {}) => {
      ctx.font = `${weight} ${size(px)}px ${getComputedStyle(place).fontFamily}`;
      ctx.textAlign = align; ctx.textBaseline = "top"; ctx.fillStyle = colour(fill);
      const room = (align === "left" ? right - x : x - bbox.left) - size(6);
      if (room > size(30)) ctx.fillText(text, x, bbox.top + size(line), room);
    };
    const from = Math.max(on, bbox.left) + size(10);
    if (off > bbox.left) say(words.before, off - size(8), 8, { align: "right" });
    say(narrow ? words.after : `${words.after}: ${story.measure}`, from, 8);
    if (story.savings !== null) {
      const fill = story.saves ? "--good" : "--bad";
      const what = story.saves ? words.saved : words.overspent, money = story.money_text !== "—";
      if (narrow) {
        say(what, from, 24, { fill });
        say(story.size_text, from, 40, { weight: 750, px: 16, fill });
        if (money) say(story.money_text, from, 60, { weight: 650, px: 14, fill });
      } else {
        say(`${what} ${story.size_text}`, from, 27, { weight: 750, px: 19, fill });
        if (money) say(`= ${story.money_text}`, from, 51, { weight: 650, px: 15, fill });
      }
    }
    if (story.excess_since) {
      const x = u.valToPos(story.excess_since, "x", true);
      ctx.strokeStyle = colour("--bad"); ctx.lineWidth = size(1.5);
      ctx.beginPath(); ctx.moveTo(x, bbox.top + size(narrow ? 82 : 74)); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      say(`${words.above_now} →`, x - size(6), narrow ? 82 : 74, { fill: "--bad", align: "right" });
    }
    ctx.restore();
  };

  const tip = document.createElement("div");
  tip.className = "tip"; tip.hidden = true;
  const line = (name, value, cls) => {
    const row = document.createElement("div"), label = document.createElement("span"), figure = document.createElement("b");
    row.className = cls; label.textContent = name; figure.textContent = value; row.append(label, figure);
    return row;
  };
  const showTip = (u) => {
    const i = u.cursor.idx;
    if (i === null || i === undefined || u.cursor.left < 0) { tip.hidden = true; return; }
    const expected = story.expected[i], used = story.used[i], temp = story.temps[i];
    const head = document.createElement("strong");
    head.textContent = date(story.epoch[i], { weekday: "short", day: "numeric", month: "long", year: "numeric" });
    const rows = [head, line(words.used, amount(used), "used"), line(words.expected, amount(expected), "expected")];
    if (used !== null && expected !== null && story.epoch[i] >= story.retrofit[1]) {
      const gap = expected - used;
      rows.push(line(gap >= 0 ? words.saved : words.overspent, amount(Math.abs(gap)), gap >= 0 ? "good" : "bad"));
    }
    if (temp !== null) rows.push(line(words.outdoors, `${number(temp, 1)} °C`, ""));
    if (coarse) {
      const open = document.createElement("a");
      open.href = `#/day/${encodeURIComponent(story.building)}/${encodeURIComponent(story.meter)}/${story.dates[i]}`; open.textContent = `${words.open_day} →`;
      rows.push(open);
    }
    tip.replaceChildren(...rows);
    tip.hidden = false;
    const room = u.over.clientWidth, x = u.cursor.left;
    tip.style.left = `${Math.max(0, Math.min(room - tip.offsetWidth, x > room / 2 ? x - tip.offsetWidth - 14 : x + 14))}px`;
  };

  const size = () => ({ width: place.clientWidth, height: Math.round(Math.max(330, Math.min(470, place.clientWidth * 0.45))) });
  const font = () => `12px ${getComputedStyle(place).fontFamily}`;
  const axis = () => ({ stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line"), size: 5 }, font: font() });
  const months = (u, ticks, _axis, _space, step) => ticks.map((t, i) => {
    if (step < 27 * DAY) return date(t, { day: "numeric", month: "short" });
    const year = i === 0 || date(t, { year: "numeric" }) !== date(ticks[i - 1], { year: "numeric" });
    return date(t, { month: "short" }).replace(".", "") + (year ? `\n${date(t, { year: "numeric" }).replace(/\D+$/, "")}` : "");
  });
  const hidden = { points: { show: false }, stroke: "transparent" };
  const chart = new uPlot({
    ...size(),
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"),
    legend: { show: false },
    cursor: { y: false, drag: { x: !coarse, y: false }, points: { show: false } },
    scales: { y: { range: (u, lo, hi) => [0, hi * 1.28 || 1] } },
    axes: [
      { ...axis(), space: 56, size: 48, values: months },
      { ...axis(), label: words.use_a_day.replace("{unit}", story.unit), labelFont: font(), labelSize: 22, size: 50, values: (u, ticks) => ticks.map((v) => v.toLocaleString(locale)) },
    ],
    bands: [{ series: [2, 1], fill: () => colour("--band") }],
    series: [
      {}, hidden, hidden,
      { stroke: () => colour("--expected"), width: 2, dash: [7, 4], points: { show: false } },
      { stroke: () => colour("--used"), width: 2.5, points: { show: false } },
      { stroke: "transparent", points: { show: true, size: place.clientWidth < 560 ? 2.5 : 3.5, fill: () => colour("--dot"), width: 0 } },
    ],
    hooks: { drawSeries: [(u, i) => { if (i === 2) drawGap(u); }], draw: [drawLabels], setCursor: [showTip] },
  }, data, place);
  chart.over.append(tip);

  const range = () => {
    const last = story.epoch[story.epoch.length - 1] + DAY;
    const from = { whole: story.epoch[0] - DAY, since_measure: story.retrofit[0] - 14 * DAY, last_90: last - 90 * DAY }[zoom];
    return { min: from, max: last };
  };
  const apply = () => {
    if (zoom) chart.setScale("x", range());
    place.querySelectorAll("[data-zoom]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.zoom === zoom)));
  };
  const zooms = document.createElement("div");
  zooms.className = "zooms";
  for (const name of ["whole", "since_measure", "last_90"]) {
    const button = document.createElement("button");
    button.type = "button"; button.dataset.zoom = name; button.textContent = words[name];
    button.addEventListener("click", () => { zoom = name; apply(); });
    zooms.append(button);
  }
  place.prepend(zooms);
  apply();

  let pressed = null;
  chart.over.addEventListener("pointerdown", (event) => { pressed = { x: event.clientX, touch: event.pointerType !== "mouse" }; });
  chart.over.addEventListener("dblclick", () => { zoom = "whole"; apply(); });
  chart.over.addEventListener("click", (event) => {
    const i = chart.cursor.idx;
    if (event.target.closest("a") || pressed === null || i === null || i === undefined) return;
    if (Math.abs(event.clientX - pressed.x) > 4) { zoom = ""; apply(); return; }
    if (!pressed.touch) openDay(story.dates[i]);
  });
  const resize = () => chart.setSize(size());
  const redraw = () => chart.redraw(false);
  addEventListener("resize", resize);
  addEventListener("beforeprint", redraw);
  addEventListener("afterprint", redraw);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  return {
    update: (next) => { story = next; data = series(story); chart.setData(data, false); apply(); chart.redraw(); },
    destroy: () => {
      removeEventListener("resize", resize); removeEventListener("beforeprint", redraw); removeEventListener("afterprint", redraw);
      dark.removeEventListener("change", redraw);
      chart.destroy();
    },
  };
}
