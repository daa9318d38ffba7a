// The page: which address shows what, in which language, and asking again when the store has changed.
import { el, morph } from "/static/dom.js";
import * as pages from "/static/pages.js";

const main = document.getElementById("main"), live = document.getElementById("live");
const asked = new URLSearchParams(location.search).get("lang") || localStorage.getItem("kvartal-lang") || "";
let lang = asked, words = null, shown = null, turn = 0, stale = false;

async function get(path) {
  const answer = await fetch(lang ? `${path}?lang=${lang}` : path);
  if (!answer.ok) throw new Error(`${answer.status} ${(await answer.json().catch(() => ({}))).error || path}`);
  return answer.json();
}

function find() {
  const [page, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  if (!page) return ["", pages.houses];
  if (page === "c" && rest.length === 1) return ["", pages.contract, rest[0]];
  if (page === "c" && rest.length === 2) return ["", pages.month, ...rest];
  if (page === "h" && rest.length === 1) return ["", pages.building, ...rest];
  if (page === "m" && rest.length === 3) return ["", pages.meter, ...rest];
  if (page === "m" && rest.length === 4) return ["", pages.meterMonth, ...rest];
  if (page === "day" && (rest.length === 3 || rest.length === 4)) return ["", pages.day, ...rest];
  if (page === "alerts" || page === "accounting" || page === "rulings") return [page, pages[page]];
  return [null, async () => ({ title: words.not_found, nodes: [el("h1", {}, words.not_found), el("p", {}, el("a", { href: "#/" }, words.all_houses))] })];
}

async function render() {
  const mine = ++turn, [tab, page, ...rest] = find(), where = `${lang} ${location.hash}`;
  let made;
  try {
    made = await page(get, words, ...rest);
  } catch (error) {
    const again = el("button", { type: "button", "data-act": "again" }, words.retry);
    made = { title: words.failed, nodes: [el("h1", {}, words.failed), el("p", { role: "alert" }, String(error.message || error)), again] };
  }
  if (mine !== turn) return;
  const fresh = el("main", {}, made.nodes), same = shown && shown.where === where && shown.title !== words.failed;
  document.title = `${made.title} — Kvartal`;
  document.querySelectorAll("nav [data-page]").forEach((a) => (a.dataset.page === tab ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current")));
  if (same) {
    morph(main, fresh);
    if (shown.live) shown.live.update(made);
  } else {
    const moved = shown !== null && shown.where !== where;
    if (shown?.live) shown.live.destroy();
    main.replaceChildren(...fresh.childNodes);
    shown = { where, title: made.title, live: made.live ? made.live() : null };
    if (moved) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
  }
  main.setAttribute("aria-busy", "false");
}

async function speak() {
  const answer = await get("/api/words");
  words = answer.labels; lang = answer.lang;
  document.documentElement.lang = lang;
  document.querySelectorAll("[data-word]").forEach((e) => { e.textContent = words[e.dataset.word]; });
  document.getElementById("lang").textContent = words.other_language;
  tell();
}

let connected = false;
function tell() {
  live.className = connected ? "on" : "off";
  live.textContent = words === null ? "" : connected ? words.live : words.lost;
}

document.getElementById("lang").addEventListener("click", async () => {
  lang = lang === "ru" ? "en" : "ru";
  localStorage.setItem("kvartal-lang", lang);
  const address = new URL(location.href);
  address.searchParams.delete("lang");
  history.replaceState(null, "", address);
  await speak();
  await render();
});
main.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=again]")) render();
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a") && !getSelection().toString()) location.hash = row.dataset.href;
});
main.addEventListener("click", (event) => {
  const button = event.target.closest("[data-decide]");
  if (button) decide(button);
});

/** Send a decision with the author and the reason that the page's fields have. */
async function decide(button) {
  const author = document.getElementById("author"), reason = document.getElementById("reason"), told = document.getElementById("decided");
  const missing = [author, reason].find((field) => !field.value.trim());
  if (missing) { told.textContent = words.who_and_why; missing.focus(); return; }
  button.disabled = true;
  try {
    const document_ = { [button.dataset.decide]: button.dataset.id, author: author.value, reason: reason.value };
    const answer = await fetch("/api/rulings", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(document_) });
    told.textContent = answer.ok ? words.decided : (await answer.json().catch(() => ({}))).error || String(answer.status);
    if (answer.ok) { reason.value = ""; await render(); }
  } catch (error) {
    told.textContent = String(error.message || error);
  }
  button.disabled = false;
}
main.addEventListener("animationend", (event) => event.target.classList.remove("changed"));
addEventListener("hashchange", render);

// The server tells that the store has changed; the page asks again at most once a second, and not when hidden.
let due = null;
function changed() {
  stale = true;
  if (due === null && !document.hidden) due = setTimeout(() => { due = null; stale = false; render(); }, 1000);
}
document.addEventListener("visibilitychange", () => { if (stale) changed(); });

await speak();
await render();
const stream = new EventSource("/events");
let first = true;
stream.addEventListener("open", () => { connected = true; tell(); });
stream.addEventListener("error", () => { connected = false; tell(); });
stream.addEventListener("message", () => { if (first) first = false; else changed(); });
