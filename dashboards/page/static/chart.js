"use strict";
// The one picture of a contract: expected against used, the 90 % band, the retrofit, the gap shaded and named.

/** Centred mean over `width` days; days without a figure are left out; needs more than half of them. */
function weekMean(values, width = 7) {
  const half = (width - 1) / 2;
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - half), i + half + 1).filter((v) => v !== null);
    return near.length > half ? near.reduce((a, b) => a + b, 0) / near.length : null;
  });
}

function storyChart(place, story, words, openDay) {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(name).trim();
  const expected = weekMean(story.expected), used = weekMean(story.used);
  const upper = expected.map((v) => (v === null || story.band === null ? null : v + story.band));
  const lower = expected.map((v) => (v === null || story.band === null ? null : Math.max(0, v - story.band)));
  const points = [story.epoch, lower, upper, expected, used, story.used];
  const [off, on] = story.retrofit;
  const locale = document.documentElement.lang;
  const format = (u, v) => (v === null || v === undefined ? "—" : v.toLocaleString(locale, { maximumFractionDigits: 1 }) + " " + story.unit);

  const drawGap = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    for (let i = 0; i + 1 < story.epoch.length; i++) {
      if (story.epoch[i] < on) continue;
      const e0 = expected[i], e1 = expected[i + 1], u0 = used[i], u1 = used[i + 1];
      if ([e0, e1, u0, u1].some((v) => v === null)) continue;
      const x0 = u.valToPos(story.epoch[i], "x", true), x1 = u.valToPos(story.epoch[i + 1], "x", true);
      ctx.fillStyle = (e0 + e1 >= u0 + u1 ? colour("--good") : colour("--bad")) + "38";
      ctx.beginPath();
      ctx.moveTo(x0, u.valToPos(e0, "y", true)); ctx.lineTo(x1, u.valToPos(e1, "y", true));
      ctx.lineTo(x1, u.valToPos(u1, "y", true)); ctx.lineTo(x0, u.valToPos(u0, "y", true));
      ctx.closePath(); ctx.fill();
    }
    ctx.restore();
  };
  const drawLabels = (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio || 1;
    const x0 = u.valToPos(off, "x", true), x1 = u.valToPos(on, "x", true);
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    ctx.fillStyle = colour("--soft") + "22"; ctx.fillRect(x0, bbox.top, Math.max(2 * ratio, x1 - x0), bbox.height);
    ctx.strokeStyle = colour("--soft"); ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.beginPath(); ctx.moveTo(x1, bbox.top); ctx.lineTo(x1, bbox.top + bbox.height); ctx.stroke();
    const narrow = bbox.width / ratio < 520;
    ctx.font = `600 ${(narrow ? 11 : 13) * ratio}px system-ui, sans-serif`; ctx.textBaseline = "top";
    ctx.fillStyle = colour("--soft"); ctx.textAlign = "right";
    ctx.fillText(words.before, x0 - 8 * ratio, bbox.top + 6 * ratio);
    ctx.textAlign = "left";
    ctx.fillText(narrow ? words.after : `${words.after}: ${story.measure}`, x1 + 8 * ratio, bbox.top + 6 * ratio, bbox.left + bbox.width - x1 - 12 * ratio);
    if (story.savings !== null) {
      const good = story.savings >= 0;
      ctx.fillStyle = colour(good ? "--good" : "--bad");
      ctx.font = `700 ${(narrow ? 12 : 15) * ratio}px system-ui, sans-serif`;
      ctx.fillText(`${good ? words.saved : words.overspent} ${story.avoided_text}`, x1 + 8 * ratio, bbox.top + 26 * ratio, bbox.left + bbox.width - x1 - 12 * ratio);
      ctx.font = `600 ${(narrow ? 11 : 13) * ratio}px system-ui, sans-serif`;
      ctx.fillText(`${story.money_text} ${words.perYear.split(" ").slice(1).join(" ")}`, x1 + 8 * ratio, bbox.top + 46 * ratio, bbox.left + bbox.width - x1 - 12 * ratio);
    }
    ctx.restore();
  };

  const size = () => ({ width: place.clientWidth, height: Math.max(320, Math.min(460, place.clientWidth * 0.5)) });
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const chart = new uPlot({
    ...size(),
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"),
    cursor: { drag: { x: true, y: false } },
    scales: { y: { range: (u, lo, hi) => [0, hi * 1.25 || 1] } },
    axes: [
      { ...axis, values: (u, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleDateString(locale, { month: "short", year: "2-digit", timeZone: "UTC" })), space: 70 },
      { ...axis, label: `${story.unit} ${words.perDay}`, labelFont: "13px system-ui", size: 62, values: (u, ticks) => ticks.map((v) => v.toLocaleString(locale)) },
    ],
    bands: [{ series: [2, 1], fill: colour("--soft") + "22" }],
    series: [
      { label: words.day, value: (u, t) => (t ? new Date(t * 1000).toLocaleDateString(locale, { timeZone: "UTC" }) : "—") },
      { label: words.band, stroke: "transparent", points: { show: false }, value: (u, v, s, i) => (i == null || v === null ? "—" : `${format(u, v)} … ${format(u, u.data[2][i])}`) },
      { label: "", stroke: "transparent", points: { show: false }, show: true, value: () => "" },
      { label: words.expected, stroke: colour("--soft"), width: 2, dash: [6, 4], points: { show: false }, value: format },
      { label: words.used, stroke: colour("--accent"), width: 2.5, points: { show: false }, value: format },
      { label: `${words.used}, ${words.day}`, stroke: "transparent", points: { show: true, size: 3, fill: colour("--accent") + "88", width: 0 }, value: format },
    ],
    hooks: { drawSeries: [(u, i) => { if (i === 3) drawGap(u); }], draw: [drawLabels] },
  }, points, place);
  const legend = place.querySelectorAll(".u-legend .u-series")[2];
  if (legend) legend.style.display = "none";
  chart.over.addEventListener("click", () => {
    const i = chart.cursor.idx;
    if (i !== null && i !== undefined && chart.select.width < 3) openDay(story.dates[i]);
  });
  const resize = () => chart.setSize(size());
  addEventListener("resize", resize);
  return { destroy: () => { removeEventListener("resize", resize); chart.destroy(); } };
}
