// The interactive part of the report: the list of all requests with its filter and its waterfall, and what is known of
// one of them. The page is whole without it; this file reads the element #data (html_data.go says how it is made up),
// fills #app and #tools, and hides the static table. It asks for nothing, keeps nothing, and runs no text of the data:
// texts become text nodes, never markup.
"use strict";
(() => {

// ---- Elements

const $ = (id) => document.getElementById(id);

function fill(e, attributes, kids) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || (value === false && !name.startsWith("aria-"))) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
  }
  e.append(...kids.flat(Infinity).filter(Boolean));
  return e;
}
const h = (tag, attributes, ...kids) => fill(document.createElement(tag), attributes, kids);
const svg = (tag, attributes, ...kids) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, kids);
const button = (text, title, onclick, more) => h("button", { type: "button", title, onclick, ...more }, text);

// ---- Data

const OUTCOMES = ["unfinished", "ok", "failed", "cancelled"];
const SURE = ["possible", "likely", "certain"];
const OK = 1, FAILED = 2, CANCELLED = 3;
const EVENT = 2, OMITTED = 3, END = 6; // kinds of lines of a tale

let data, S;                    // S: all texts
let rows = [];                  // all requests
const byID = new Map();         // requests
const details = new Map();      // what is known of some, by id

// record names the members of a list.
const record = (names) => (list) => Object.fromEntries(names.map((n, i) => [n, list[i]]));
const party = record(["input", "side", "proxied", "loose", "traffic", "pid", "process", "pool", "method", "origin",
  "server", "host", "queue"]);
const course = record(["outcome", "phase", "status", "sub", "error", "winhttp", "verdict", "sure", "partial", "restarts",
  "timer", "timerKnown", "limit"]);
const stage = record(["name", "word", "detail", "outcome", "error"]);

// unpack gives phases their times: three numbers each, from a list.
function unpack(list, from, time) {
  const out = [];
  for (let i = from; i + 2 < list.length; i += 3) {
    const [kind, gap, took] = list.slice(i, i + 3);
    const p = { ...data.steps[kind], start: gap === null ? null : time + gap, took };
    if (p.start !== null) time = p.start + (took || 0);
    out.push(p);
  }
  return out;
}

// A request of the list. Times are microseconds since data.base; null = unknown.
class Request {
  constructor(list, number, start) {
    this.list = list;
    this.number = number;
    this.id = typeof list[0] === "string" ? list[0] : "r" + number;
    this.start = start;
    this.took = list[2];
    this.who = data.who[list[3]];
    this.how = data.how[list[4]];
  }
  get url() { return S[this.who.origin] + S[this.list[5]]; }
  get client() { return S[this.list[6]]; }
  get server() { return S[this.who.server]; }
  get method() { return S[this.who.method]; }
  get outcome() { return OUTCOMES[this.how.outcome]; }
  get phase() { return S[this.how.phase]; }
  get status() { return this.how.status ? this.how.status + (this.how.sub >= 0 ? "." + this.how.sub : "") : ""; }
  get error() { return codeName(this.how.error); }
  get verdict() { return this.how.verdict < 0 ? null : data.verdicts[this.how.verdict]; }
  get claim() { return this.verdict || { id: "", title: "" }; }
  get detail() { return details.get(this.id); }
  get steps() { return this.start === null ? [] : unpack(this.list, 8, this.start); }
  // What the content server behind the proxy tells of it.
  get behind() {
    const b = this.list[7];
    if (!b || this.start === null) return null;
    const start = this.start + b[1];
    return { input: b[0], start, took: b[2], status: b[3] ? b[3] + (b[4] >= 0 ? "." + b[4] : "") : "", steps: unpack(b, 5, start) };
  }
  // The phase where it stopped.
  get stop() {
    if (this.how.outcome === OK) return null;
    return this.steps.findLast((p) => S[p.name] === this.phase && p.outcome !== OK) || null;
  }
  // When the limit that ended it ran out.
  get limit() {
    if (!this.how.limit || this.start === null) return null;
    const p = this.stop;
    return (p && p.start !== null ? p.start : this.start) + this.how.limit;
  }
  get end() {
    if (this.start === null) return null;
    let t = this.took === null ? this.start : this.start + this.took;
    for (const p of this.steps) if (p.start !== null) t = Math.max(t, p.start + (p.took || 0));
    return t;
  }
  // The last moment that is drawn of it.
  get last() {
    const b = this.behind;
    return this.lastDrawn ??= Math.max(this.end, b ? b.start + (b.took || 0) : 0, this.limit || 0);
  }
  // All that a word without a key is looked for in.
  get text() {
    return this.haystack ??= [this.id, this.method, this.url, this.client, this.server, S[this.who.host], S[this.who.process],
      S[this.who.pool], this.outcome, this.phase, this.status, code(this.how.error), code(this.how.winhttp),
      this.claim.title].join("\n").toLowerCase();
  }
}

function load() {
  data = JSON.parse($("data").textContent);
  S = data.strings;
  data.who = data.who.map(party);
  data.how = data.how.map(course);
  data.steps = data.steps.map(stage);
  data.verdicts = data.verdicts.map(([id, title]) => ({ id: S[id], title: S[title] }));
  data.inputs = data.inputs.map(([label, path, coarse]) => ({ label: S[label], path: S[path], coarse: coarse === 1 }));
  data.code = new Map(data.codes.map(([number, text, hex]) => [number, { text: S[text], hex: S[hex] }]));
  let number = 0, start = 0;
  rows = data.rows.map((list) => {
    if (typeof list[0] === "number") number += list[0];
    if (list[1] !== null) start += list[1];
    return new Request(list, number, list[1] === null ? null : start);
  });
  for (const r of rows) byID.set(r.id, r);
  for (const d of data.details) details.set(d.id, d);
}

// ---- Words

const code = (n) => (n ? data.code.get(n).text : "");
const codeName = (n) => code(n).replace(/^\S+ (?=\S)/, ""); // the number where there is no name
const thousands = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const plural = (n, what) => thousands(n) + " " + what + (n === 1 ? "" : "s");
const input = (i) => data.inputs[i] || { label: "", path: "", coarse: false };

// took writes how long something took, in microseconds, as the other formats do: 41 ms, 8.4 s, 2 min 5 s.
function took(us) {
  const ms = us / 1000;
  if (ms < 0.1) return us <= 0 ? "0 ms" : "<0.1 ms";
  if (ms < 1) return ms.toFixed(1) + " ms";
  if (Math.round(ms) < 1000) return Math.round(ms) + " ms";
  if (Math.round(ms / 100) < 1200) return (ms / 1000).toFixed(1) + " s";
  const s = Math.round(ms / 1000), min = Math.round(ms / 60000);
  return s < 3600 ? Math.floor(s / 60) + " min " + (s % 60) + " s" : Math.floor(min / 60) + " h " + (min % 60) + " min";
}

// exact writes the same as finely as it is known.
function exact(us) {
  const sign = us < 0 ? "\u2212" : "", n = Math.abs(us);
  if (n < 1e6) return sign + (n ? +(n / 1000).toFixed(n < 1e4 ? 3 : 1) + " ms" : "0");
  if (n < 120e6) return sign + (n / 1e6).toFixed(3) + " s";
  if (n < 3600e6) return sign + Math.floor(n / 60e6) + " min " + ((n % 60e6) / 1e6).toFixed(3) + " s";
  return sign + took(n);
}

// round writes a duration without needless decimals, for limits and axes.
function round(us) {
  for (const [unit, name] of [[3600e6, " h"], [60e6, " min"], [1e6, " s"], [1000, " ms"]]) {
    if (us >= unit && (unit <= 1e6 || us % unit === 0)) return +(us / unit).toFixed(3) + name;
  }
  return us ? us + " \u00b5s" : "0";
}

let shift = 0; // minutes that the times shown are ahead of UTC
function zone() {
  if (!shift) return "UTC";
  const m = Math.abs(shift);
  return "UTC" + (shift < 0 ? "\u2212" : "+") + Math.floor(m / 60) + (m % 60 ? ":" + String(m % 60).padStart(2, "0") : "");
}
const moment = (us) => new Date(data.base + Math.floor(us / 1000) + shift * 60000).toISOString();
const fraction = (us) => String(((us % 1e6) + 1e6) % 1e6).padStart(6, "0");
// clock writes the time of day with a number of decimals, date the day.
const clock = (us, decimals) => moment(us).slice(11, 19) + (decimals ? "." + fraction(us).slice(0, decimals) : "");
const date = (us) => moment(us).slice(0, 10);
const began = (r) => clock(r.start, input(r.who.input).coarse ? 0 : 3); // no finer than its file has it

// ---- Filter

// has makes a key that looks for a text in others, word one that compares the whole word or its beginning.
const has = (...get) => (v) => (r) => get.some((g) => g(r).toLowerCase().includes(v));
const word = (...get) => (v) => (r) => get.some((g) => g(r).toLowerCase().startsWith(v));
const STATES = {
  failed: (r) => r.how.outcome === FAILED, error: (r) => r.how.outcome === FAILED, ok: (r) => r.how.outcome === OK,
  cancelled: (r) => r.how.outcome === CANCELLED, unfinished: (r) => r.how.outcome === 0,
  repeated: (r) => r.how.restarts > 0, proxied: (r) => r.who.proxied === 1, unjoined: (r) => r.who.loose === 1,
  app: (r) => r.who.traffic === 0, probe: (r) => r.who.traffic === 1, background: (r) => r.who.traffic === 2,
  detailed: (r) => details.has(r.id), limit: (r) => r.how.limit > 0,
};
const codeOf = (v) => (r) => [r.how.error, r.how.winhttp].some((n) => {
  const c = data.code.get(n);
  return c && (String(n) === v || c.hex.toLowerCase() === v || (/[a-z_]{3}/.test(v) && c.text.toLowerCase().includes(v)));
});
const statusOf = (v) => (r) => (/^\dxx$/.test(v) ? r.status[0] === v[0] : r.status === v || String(r.how.status || "") === v);
const KEYS = {
  outcome: word((r) => r.outcome), phase: word((r) => r.phase), server: has((r) => r.server), status: statusOf,
  pid: (v) => (r) => String(r.who.pid) === v, process: has((r) => S[r.who.process]),
  pool: has((r) => S[r.who.pool], (r) => S[r.who.queue]), method: word((r) => r.method), url: has((r) => r.url),
  host: has((r) => S[r.who.host]), client: has((r) => r.client), code: codeOf,
  id: (v) => (r) => r.id === v || r.id === "r" + v,
  verdict: (v) => (r) => !!r.verdict && (r.verdict.id.toLowerCase() === v || r.verdict.title.toLowerCase().includes(v)),
  input: has((r) => input(r.who.input).path, (r) => input(r.who.input).label), is: (v) => Object.hasOwn(STATES, v) ? STATES[v] : undefined,
};
const COMPARE = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };

// parse reads a filter: what it asks for, a list of which all must hold, and what is to be said about it.
function parse(query) {
  const all = [], either = new Map(), said = [];
  for (const [whole, minus, key, op, quoted, bare] of query.matchAll(/(-)?(?:([A-Za-z]+)(:|[<>]=?))?(?:"([^"]*)"?|(\S+))|\S+/g)) {
    const value = (quoted ?? bare ?? "").toLowerCase(), k = key && key.toLowerCase();
    let test;
    if (k === "ms") {
      const n = /^(\d+(?:\.\d+)?)(?:ms)?$/.exec(value), c = COMPARE[op];
      if (n && c) test = (r) => r.took !== null && c(r.took / 1000, +n[1]);
      else said.push("\u201cms\u201d takes a comparison with a number of milliseconds: ms>5000, ms<10.");
    } else if (k && op === ":" && Object.hasOwn(KEYS, k) && !(k === "url" && value.startsWith("//"))) {
      test = KEYS[k](value);
      if (!test) said.push("\u201c" + whole + "\u201d is not known. After is: there may be " + Object.keys(STATES).join(", ") + ".");
    } else {
      const text = whole.slice(minus ? 1 : 0).replaceAll('"', "").toLowerCase();
      if (k && op === ":" && !value.startsWith("//") && !/^\d/.test(value)) { // neither http://... nor host:80
        said.push(`\u201c${key}:\u201d is no word of this filter, so \u201c${text}\u201d is looked for as text.`);
      }
      if (text) test = (r) => r.text.includes(text);
    }
    if (!test) continue;
    if (minus) all.push((r) => !test(r));
    else if (k && op === ":" && Object.hasOwn(KEYS, k)) either.set(k, [...(either.get(k) || []), test]); // the same key twice means or
    else all.push(test);
  }
  for (const [, m] of query.matchAll(/(?:^|\s)-?([A-Za-z]+):(?=\s|$)/g)) said.push("\u201c" + m + ":\u201d needs a value right behind it.");
  for (const tests of either.values()) all.push((r) => tests.some((t) => t(r)));
  return { all, said };
}

// ---- The list: columns, order, rows on screen

const RANKS = [1, 3, 0, 2]; // outcomes, failed first
const COLUMNS = [
  { key: "id", title: "Id", value: (r) => r.number, text: (r) => r.id, draw: (r) => h("a", { href: "#" + r.id, tabindex: -1 }, r.id) },
  { key: "start", title: "Start", value: (r) => r.start, text: (r) => (r.start === null ? "" : (days ? date(r.start).slice(5) + " " : "") + began(r)) },
  { key: "took", title: "Took", name: "Duration", value: (r) => r.took, text: (r) => (r.took === null ? (r.how.outcome ? "" : "no end") : took(r.took)) },
  { key: "outcome", title: "Outcome", value: (r) => RANKS[r.how.outcome], text: (r) => r.outcome, draw: (r) => h("span", { class: "outcome " + r.outcome }, r.outcome) },
  { key: "phase", title: "Phase", value: (r) => r.phase, text: (r) => r.phase },
  { key: "method", title: "Method", value: (r) => r.method, text: (r) => r.method },
  { key: "url", title: "URL", value: (r) => r.url, text: (r) => r.url, draw: (r) => [h("span", { class: "soft" }, S[r.who.origin]), h("span", null, S[r.list[5]])] },
  { key: "server", title: "Server", value: (r) => r.server, text: (r) => r.server },
  { key: "status", title: "Status", value: (r) => r.how.status ? r.how.status + Math.max(r.how.sub, 0) / 1000 : null, text: (r) => r.status },
  { key: "error", title: "Error", value: (r) => r.error, text: (r) => r.error },
  { key: "verdict", title: "Verdict", value: (r) => r.claim.title, text: (r) => r.claim.title || r.claim.id },
];
let shown = [];                       // requests that fit the filter, in order
let order = { key: "outcome", down: false };
let active = 0;                       // index of the row that has, or would get, the focus
let days = false;                     // the requests are of several days
let ui = {};                          // elements that change
const painted = new Map();            // rows on screen: index -> element
const narrow = matchMedia("(max-width: 700px)");
const rowHeight = () => (narrow.matches ? 86 : 34);

// sort puts what fits the filter in order; what is not known comes last, whichever way.
function sort() {
  const value = COLUMNS.find((c) => c.key === order.key).value, sign = order.down ? -1 : 1;
  const keyed = shown.map((r, i) => [value(r), i, r]);
  const unknown = (v) => v === null || v === "";
  keyed.sort(([a, i], [b, j]) => {
    if (unknown(a) || unknown(b)) return unknown(a) - unknown(b) || i - j;
    return a < b ? -sign : a > b ? sign : i - j;
  });
  shown = keyed.map(([, , r]) => r);
  for (const e of ui.head.querySelectorAll("[data-key]")) {
    e.setAttribute("aria-sort", e.dataset.key !== order.key ? "none" : order.down ? "descending" : "ascending");
  }
  ui.sort.value = order.key;
  ui.way.textContent = order.down ? "\u2193" : "\u2191";
}

function sortBy(key) {
  order = { key, down: order.key === key ? !order.down : key === "took" };
  const current = shown[active];
  shown = rows.filter((r) => shownSet.has(r)); // equal ones in the order of time
  sort();
  active = Math.max(0, shown.indexOf(current));
  if (!ui.grid.contains(document.activeElement) || document.activeElement.closest(".head")) {
    active = 0;
    ui.grid.scrollTop = 0;
  } else reveal(active);
  repaint();
}

let shownSet = new Set();
function applyFilter() {
  const { all, said } = parse(ui.filter.value);
  const current = shown[active];
  shown = rows.filter((r) => all.every((t) => t(r)));
  shownSet = new Set(shown);
  sort();
  active = Math.max(0, shown.indexOf(current));
  ui.said.textContent = said.join(" ");
  const left = data.total > rows.length ? ` (the most urgent of ${thousands(data.total)})` : "";
  const own = shown.reduce((n, r) => n + r.who.loose, 0);
  ui.count.textContent = thousands(shown.length) + " of " + plural(rows.length, "request") + left
    + (own ? `, ${thousands(own)} not counted above` : "");
  const words = wordsOfFilter();
  for (const b of ui.examples) b.setAttribute("aria-pressed", words.includes(b.textContent));
  ui.none.hidden = shown.length > 0;
  ui.grid.setAttribute("aria-rowcount", shown.length + 1);
  ui.grid.scrollTop = 0;
  fit();
}

// repaint draws the rows on screen anew.
function repaint() {
  const focused = ui.body.contains(document.activeElement);
  for (const e of painted.values()) e.remove();
  painted.clear();
  ui.body.style.height = shown.length * rowHeight() + "px";
  drawAxis();
  paint();
  if (focused) focusRow();
}

// paint adds the rows that came into view and drops those that left it. The active row stays: it may have the focus.
function paint() {
  const tall = rowHeight(), spare = 4;
  const view = ui.grid.clientHeight - ui.head.offsetHeight;
  const from = Math.max(0, Math.floor(ui.grid.scrollTop / tall) - spare);
  const to = Math.min(shown.length, Math.ceil((ui.grid.scrollTop + view) / tall) + spare);
  for (const [i, e] of painted) {
    if ((i < from || i >= to) && i !== active) {
      e.remove();
      painted.delete(i);
    }
  }
  for (let i = from; i < to; i++) addRow(i);
  if (active < shown.length) addRow(active);
}

function addRow(i) {
  if (painted.has(i)) return;
  const r = shown[i];
  const e = h("div", { role: "row", class: "row " + r.outcome, "aria-rowindex": i + 2, tabindex: i === active ? 0 : -1 });
  for (const c of COLUMNS) {
    const text = c.text(r);
    e.append(h("div", { role: "gridcell", class: "f-" + c.key, title: (c.hint ? c.hint(r) : text.length > 12 && text) || null }, c.draw ? c.draw(r) : text));
  }
  e.append(h("div", { role: "gridcell", class: "f-bar" }, drawRow(r)));
  e.style.transform = `translateY(${i * rowHeight()}px)`;
  let next = null; // the elements stand in the order of the rows
  for (const [k, other] of painted) if (k > i && (!next || k < next[0])) next = [k, other];
  ui.body.insertBefore(e, next && next[1]);
  painted.set(i, e);
}

// reveal scrolls until a row is in view.
function reveal(i) {
  const tall = rowHeight(), view = ui.grid.clientHeight - ui.head.offsetHeight;
  if (i * tall < ui.grid.scrollTop) ui.grid.scrollTop = i * tall;
  else if ((i + 1) * tall > ui.grid.scrollTop + view) ui.grid.scrollTop = (i + 1) * tall - view;
}

// choose makes a row the active one.
function choose(i) {
  if (!shown.length) return;
  const old = painted.get(active);
  active = Math.min(Math.max(i, 0), shown.length - 1);
  if (old) old.tabIndex = -1;
  reveal(active);
  paint();
  painted.get(active).tabIndex = 0;
}
function focusRow() {
  const e = painted.get(active);
  if (e) e.focus({ preventScroll: true });
}

function gridKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const page = Math.max(1, Math.floor((ui.grid.clientHeight - ui.head.offsetHeight) / rowHeight()) - 1);
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (event.key in moves) {
    choose(active + moves[event.key]);
    focusRow();
  } else if (event.key === "Enter" || event.key === " ") {
    if (shown[active]) openDetail(shown[active].id);
  } else if (!axisKey(event)) return;
  event.preventDefault();
}

// ---- The waterfall: one axis for all rows

// Patterns #p-... of the page, so that phases are not told by colour alone.
const KINDS = ["resolve", "pool", "connect", "tls", "send", "wait", "read", "receive", "queue", "process", "route", "proxy", "whole"];
const KIND_WORDS = { pool: "wait for a connection", whole: "no phases known" };
const kindOf = (p) => ({ "wait for a connection": "pool" }[S[p.word]] || (KINDS.includes(S[p.word]) ? S[p.word] : "whole"));

const figure = (width, ...kids) => svg("svg", { width, height: 12, class: "swatch", "aria-hidden": "true", focusable: "false" }, kids);
const swatch = (width, kind) => figure(width, svg("rect", { width, height: 12, class: "phase p-" + kind, fill: `url(#p-${kind})` }));

const view = { mode: "own", from: 0, to: 1, zoomed: false };
let whole = { from: 0, to: 1 };       // what fits all rows
const origin = (r) => (view.mode === "own" ? r.start : 0);

// fit shows all the time that the rows take.
function fit() {
  let from = Infinity, to = -Infinity;
  for (const r of shown) {
    if (r.start === null) continue;
    const o = origin(r);
    from = Math.min(from, r.start - o);
    to = Math.max(to, r.last - o);
  }
  if (!(from <= to)) [from, to] = [0, 1e6];
  const room = Math.max((to - from) * 0.02, 50);
  whole = { from: view.mode === "own" ? 0 : from - room, to: to + room * 3 };
  Object.assign(view, whole, { zoomed: false });
  repaint();
}

// look shows a span of time, as far as there is any.
function look(from, to) {
  const least = 100, most = whole.to - whole.from;
  const span = Math.min(Math.max(to - from, least), most);
  view.from = Math.min(Math.max(from, whole.from), whole.to - span);
  view.to = view.from + span;
  view.zoomed = span < most;
  repaint();
}
function zoom(by, at) {
  at ??= view.mode === "own" ? view.from : (view.from + view.to) / 2;
  look(at - (at - view.from) * by, at + (view.to - at) * by);
}
const pan = (part) => look(view.from + (view.to - view.from) * part, view.to + (view.to - view.from) * part);

function axisKey(event) {
  const acts = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: fit, ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25) };
  if (!Object.hasOwn(acts, event.key)) return false;
  acts[event.key]();
  return true;
}

const STEPS = [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5].map((e) => n * 10 ** e)).concat([1e6, 2e6, 5e6, 10e6, 15e6, 30e6, 60e6, 120e6, 300e6,
  600e6, 900e6, 1800e6, 3600e6, 7200e6, 4 * 3600e6, 12 * 3600e6, 24 * 3600e6, 7 * 24 * 3600e6]).sort((a, b) => a - b);

// ticks are the times with a line, at least a label's width apart.
function ticks(wide) {
  const least = ((view.to - view.from) / Math.max(wide, 1)) * (view.mode === "own" ? 46 : 64);
  const step = STEPS.find((s) => s >= least) || STEPS.at(-1) * Math.ceil(least / STEPS.at(-1));
  const offset = view.mode === "own" ? 0 : (((data.base + shift * 60000) % 864e5) * 1000) % step; // at whole hours of the day
  const out = [];
  for (let t = Math.ceil((view.from + offset) / step) * step - offset; t <= view.to; t += step) out.push(t);
  return { list: out, step };
}
const place = (t, wide) => ((t - view.from) / (view.to - view.from)) * wide;

function drawAxis() {
  const wide = (ui.wide = Math.max(ui.axis.clientWidth, 40));
  ui.room = parseFloat(getComputedStyle(ui.axis).marginRight); // behind the axis, for the words beside a bar
  const { list, step } = (ui.ticks = ticks(wide));
  const decimals = step < 1000 ? 6 : step < 1e6 ? 3 : 0;
  const name = (t) => (view.mode === "own" ? round(t) : clock(t, decimals));
  const g = svg("svg", { width: wide, height: 24, "aria-hidden": "true", focusable: "false" },
    svg("path", { class: "grid", d: list.map((t) => `M${place(t, wide).toFixed(1)} 16v8`).join("") }));
  for (const t of list) {
    const x = place(t, wide), n = name(t), half = n.length * 3;
    g.append(svg("text", { x: Math.min(Math.max(x, half + 1), wide - half - 1).toFixed(1), y: 12, "text-anchor": "middle" }, n));
  }
  ui.axis.replaceChildren(g);
  const what = view.mode === "own" ? "from the start of each request" : zone();
  ui.axis.setAttribute("aria-label", `Time axis, ${what}: ${describe(view.from)} to ${describe(view.to)}. Plus and minus zoom, 0 shows all, left and right move.`);
  ui.out.disabled = ui.fit.disabled = ui.left.disabled = ui.right.disabled = !view.zoomed;
}
const describe = (t) => (view.mode === "own" ? exact(Math.round(t)) : clock(t, 3));

// bars draws phases, and what they are part of, between two heights. x gives a time its place.
function bars(g, steps, start, end, y, tall, x, wide) {
  const clip = (v) => Math.min(Math.max(v, -2), wide);
  if (end > start) g.append(svg("rect", { class: "extent", x: clip(x(start)), y: y + tall / 2 - 1, width: Math.max(clip(x(end)) - clip(x(start)), 1), height: 2 }));
  const whole = !steps.some((p) => p.start !== null);
  const list = whole ? [{ start, took: end - start, whole: true }] : steps;
  for (const p of list) {
    if (p.start === null) continue;
    const until = p.took === null ? Math.max(end, p.start) : p.start + p.took;
    if (x(until) < -2 || x(p.start) > wide) continue;
    const a = clip(x(p.start)), b = Math.max(clip(x(until)), a + 1.5), kind = p.whole ? "whole" : kindOf(p);
    const text = p.whole ? "no phases known" + (end > start ? ", " + took(end - start) : "") : phaseWords(p);
    g.append(svg("rect", { class: "phase p-" + kind, x: a.toFixed(1), y, width: (b - a).toFixed(1), height: tall, fill: `url(#p-${kind})` },
      svg("title", null, text)));
  }
}
function phaseWords(p) {
  const ended = (p.outcome === OK ? "" : ", " + OUTCOMES[p.outcome]) + (p.error ? ": " + code(p.error) : "");
  return S[p.word] + (p.took === null ? ", no end" : " " + took(p.took)) + ended;
}
// course says in words what a bar shows.
function courseWords(r) {
  const parts = r.steps.map(phaseWords), b = r.behind;
  if (!parts.length) parts.push(r.took === null ? "duration not known" : "took " + took(r.took) + ", no phases known");
  if (r.how.limit) parts.push("limit " + round(r.how.limit));
  if (b) parts.push("content server " + (b.took === null ? "without an end" : took(b.took)));
  return parts.join("; ");
}

const cross = (x, y, size) => svg("path", { class: "cross", d: `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}` });

function drawRow(r) {
  const wide = ui.wide, tall = narrow.matches ? 28 : 32;
  const g = svg("svg", { width: wide + ui.room, height: tall, role: "img", "aria-label": courseWords(r) });
  g.append(svg("path", { class: "grid", d: ui.ticks.list.map((t) => `M${place(t, wide).toFixed(1)} 0v${tall}`).join("") }));
  if (r.start === null) return g;
  const o = origin(r), x = (t) => place(t - o, wide), b = r.behind, top = b ? 3 : (tall - 13) / 2;
  const end = r.end, well = r.how.outcome === OK, limit = r.limit === null ? null : x(r.limit);
  bars(g, r.steps, r.start, end, top, 13, x, wide);
  if (b) {
    const stop = b.start + (b.took || 0);
    bars(g, b.steps, b.start, stop, top + 17, 7, x, wide);
    if (x(stop) >= 0 && x(b.start) <= wide) g.append(svg("text", { class: "after", x: (Math.min(x(stop), wide) + 5).toFixed(1), y: top + 25 }, "server"));
  }
  if (!well && x(end) >= -8 && x(end) <= wide + 8) {
    g.append(r.how.outcome ? cross(Math.max(x(end), 7), top + 6.5, 4) : svg("path", { class: "onward", d: `M${x(end)} ${top + 1}l6 5.5l-6 5.5` }));
  }
  if (limit !== null && limit >= 0 && limit <= wide) g.append(svg("path", { class: "limit", d: `M${limit.toFixed(1)} 0v${tall}` }));
  // Beside the bar: what is no column.
  const words = [narrow.matches && r.took !== null && took(r.took), !r.how.outcome && "no end", limit !== null && "limit " + round(r.how.limit)].filter(Boolean).join(", ");
  const edge = Math.max(x(end) + (well ? 0 : 7), limit !== null && limit <= wide ? limit : 0);
  if (words && edge >= 0 && x(r.start) <= wide) {
    g.append(svg("text", { class: "after", x: (Math.min(edge, wide + 7) + 5).toFixed(1), y: top + 10.5 }, words));
  }
  return g;
}

// Dragging along the axis chooses what to look at.
function dragAxis(event) {
  if (event.button !== 0) return;
  const left = ui.axis.getBoundingClientRect().left, first = event.clientX - left;
  const time = (px) => view.from + (px / ui.wide) * (view.to - view.from);
  let last = first;
  const mark = svg("rect", { class: "pick", y: 0, height: 24, x: first, width: 0 });
  ui.axis.firstChild.append(mark);
  ui.axis.setPointerCapture(event.pointerId);
  const move = (e) => {
    last = Math.min(Math.max(e.clientX - left, 0), ui.wide);
    mark.setAttribute("x", Math.min(first, last));
    mark.setAttribute("width", Math.abs(last - first));
  };
  const end = (e) => {
    for (const n of ["pointermove", "pointerup", "pointercancel"]) ui.axis.removeEventListener(n, n === "pointermove" ? move : end);
    mark.remove();
    if (e.type === "pointerup" && Math.abs(last - first) > 4) look(time(Math.min(first, last)), time(Math.max(first, last)));
  };
  ui.axis.addEventListener("pointermove", move);
  ui.axis.addEventListener("pointerup", end);
  ui.axis.addEventListener("pointercancel", end);
}

function wheel(event) {
  const box = ui.axis.getBoundingClientRect(), x = event.clientX - box.left;
  if (x < 0 || x > box.width) return;
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
  if (event.ctrlKey) zoom(event.deltaY < 0 ? 0.8 : 1.25, view.from + (x / ui.wide) * (view.to - view.from));
  else if (sideways && view.zoomed) pan(sideways / ui.wide);
  else return;
  event.preventDefault();
}

// ---- One request

let current = null; // the request of the panel
let opener = null;  // what had the focus before it opened

function openDetail(id, by) {
  const r = byID.get(id);
  if (!r) return;
  if (!ui.panel.open) opener = by || document.activeElement;
  current = r;
  const i = shown.indexOf(r);
  if (i >= 0) choose(i);
  drawDetail(r);
  setHash("#" + r.id);
  if (!ui.panel.open) {
    ui.panel.showModal();
    ui.title.focus();
  }
  ui.panel.scrollTop = 0;
}

// setHash names the request in the address, so that it can be linked to, without moving the page.
function setHash(hash) {
  if (location.hash === hash || (!hash && !location.hash)) return;
  try {
    history.replaceState(null, "", hash || location.pathname + location.search);
  } catch {
    location.replace(hash || "#requests");
  }
}

function closed() {
  if (!current || ui.panel.open) return; // closed and opened again before the browser told of the first
  const i = shown.indexOf(current), left = location.hash && location.hash !== "#" + current.id; // by a link to elsewhere
  current = null;
  if (!left) {
    setHash("");
    if (opener && opener !== document.body && opener.isConnected && !ui.body.contains(opener)) opener.focus();
    else if (i >= 0) {
      choose(i);
      focusRow();
    }
  }
  opener = null;
}

function follow() {
  const id = location.hash.slice(1);
  if (byID.has(id)) openDetail(id);
  else {
    if (ui.panel.open) ui.panel.close();
    const e = id && $(id);
    for (let d = e && e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    if (e) e.scrollIntoView();
  }
}

// link opens what a link to a request leads to, and knows where to go back to.
function link(event) {
  const a = event.target.closest('a[href^="#"]'), id = a && a.getAttribute("href").slice(1);
  if (!a || !byID.has(id) || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  event.preventDefault();
  openDetail(id, a);
}

function step(by) {
  const i = shown.indexOf(current) + by;
  if (i >= 0 && i < shown.length) openDetail(shown[i].id);
}

const texts = (list) => (list || []).map((i) => S[i]);

// stepOf draws something to do, in pieces of [kind, text]: words, commands, and commands that have a line of their own.
function stepOf(pieces) {
  const out = [];
  for (let i = 0; i < pieces.length; i += 2) {
    const text = S[pieces[i + 1]];
    out.push(pieces[i] ? h("code", pieces[i] === 2 && { class: "line", tabindex: 0 }, text) : text);
  }
  return out;
}
const listed = (title, tag, list) => list.length > 0 && [h("h4", null, title), h(tag, tag === "ul" && { class: "not" }, list.map((t) => h("li", null, t)))];

// proofsOf are the observations that a verdict rests on: [when, who, what, where].
function proofsOf(d) {
  const out = [];
  for (let i = 0; d && d.proofs && i < d.proofs.length; i += 4) out.push(texts(d.proofs.slice(i, i + 4)));
  return out;
}

// claimOf is the card of a request.
function claimOf(r) {
  const d = r.detail, v = r.verdict, c = d && data.cards[d.card], proofs = proofsOf(d);
  const para = (i, kind) => i > 0 && h("p", { class: kind }, S[i]);
  return h("section", { class: "claim " + r.outcome },
    h("h3", null, v.title || "Verdict " + v.id),
    h("p", { class: "certainty" }, h("span", { class: "how" }, "How sure: "), h("span", { class: "badge " + SURE[r.how.sure] }, SURE[r.how.sure]), " ", c && S[c.sure],
      c && c.atLeast === 1 && " There were more such requests than the files still have."),
    c && h("div", { class: "columns" },
      h("div", { class: "proofs" },
        proofs.length > 0 && h("div", { class: "scroll" }, h("table", { class: "evidence" }, h("caption", null, "What this rests on"),
          h("thead", null, h("tr", null, ["Time (UTC)", "Who tells", "What", "Where"].map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", null, proofs.map(([at, who, what, where]) => h("tr", null, h("td", { class: "when" }, at), h("th", { scope: "row" }, who), h("td", null, what), h("td", { class: "mono" }, where)))))),
        texts(c.clocks).map((t) => h("p", { class: "note" }, t)), para(c.candidates, "more"),
        c.context.length > 0 && [h("h4", null, "Also seen"), texts(c.context).map((t) => h("p", { class: "more" }, t))],
        c.open > 0 && [h("h4", null, S[c.openLabel] || "Cannot be told"), para(c.open, "more")],
        listed("Not", "ul", texts(c.not))),
      c.do.length + c.find.length > 0 && h("div", { class: "steps" }, listed("Do now", "ol", c.do.map(stepOf)), listed("Find out", "ol", c.find.map(stepOf)))));
}

// facts are what is known of a request in a word each, [label, text] pairs.
function facts(r) {
  const w = r.who, how = r.how, out = [];
  const add = (label, text) => text && out.push([label, text]);
  const list = (...parts) => parts.filter(Boolean).join(", ");
  if (r.start !== null) add(how.partial === 1 ? "Began before" : "Start", `${date(r.start)} ${began(r)} ${zone()}`);
  add("Duration", r.took !== null ? took(r.took) : how.outcome === 0 ? "no end in the files" : "not known");
  add("Outcome", r.outcome + (r.phase ? ", in phase " + r.phase : "") + (how.partial === 2 ? "; the trace ends before it does" : ""));
  add("Answer", r.status);
  add("Error", code(how.error));
  if (how.limit) add("Limit", `${S[how.timer]} ${round(how.limit)} (${S[how.timerKnown]})`);
  add("Server", r.server || S[w.host]);
  if (r.server) add("Host", S[w.host]);
  add("Process", list(S[w.process], w.pid && "PID " + w.pid, S[w.pool] && "pool " + S[w.pool]));
  add("Traffic", ["", "a proxy's health test", "of another program"][w.traffic]);
  if (how.restarts) add("Repeated", plural(how.restarts, "time"));
  const b = r.behind;
  if (b) add("Content server", list(b.took === null ? "no end in its files" : took(b.took), b.status && "answered " + b.status, input(b.input).label));
  for (const [label, text] of r.detail ? r.detail.facts : []) add(S[label], S[text]);
  if (!r.detail || !r.detail.facts.some(([l]) => S[l] === "Client")) add("Client", r.client);
  add("Told by", input(w.input).path);
  return out;
}

function drawDetail(r) {
  const d = r.detail, v = r.verdict, i = shown.indexOf(r);
  ui.title.replaceChildren(h("span", { class: "id" }, r.id), " ", h("span", { class: "outcome " + r.outcome }, r.outcome), r.status ? " " + r.status : "");
  ui.where.textContent = i < 0 ? "not in the list as filtered" : `${thousands(i + 1)} of ${thousands(shown.length)}`;
  ui.before.disabled = i <= 0;
  ui.next.disabled = i < 0 || i === shown.length - 1;
  ui.copied.textContent = "";
  const diaries = [];
  for (let k = 0; d && d.diaries && k < d.diaries.length; k += 2) if ($("diary-" + d.diaries[k])) diaries.push(d.diaries.slice(k, k + 2));
  ui.detail.replaceChildren(...[
    h("p", { class: "address" }, h("b", null, r.method), " ", h("span", { class: "mono" }, r.url || "no address in the files")),
    v && claimOf(r),
    h("dl", { class: "known" }, facts(r).map(([label, text]) => h("div", null, h("dt", null, label), h("dd", null, text)))),
    phaseTable(r),
    d ? tale(r, d) : h("p", { class: "note" }, `Event by event this report has the ${thousands(data.detailed)} requests that failed or took longest. `,
      `Of this one: etwhy events --id ${r.id}, with the files that the report was made of.`),
    diaries.length > 0 && h("p", null, diaries.map(([n, from]) => h("a", { class: "button", href: "#diary-" + n }, "Failed Request Tracing: " + input(from).label))),
    d && d.unread > 0 && h("p", { class: "note" }, plural(d.unread, "Failed Request Tracing file") + " of this request left out for want of room."),
    h("details", { class: "markdown", ontoggle: (e) => { if (e.target.open) e.target.lastChild.textContent = markdown(r); } },
      h("summary", null, "This request as Markdown"), h("pre", { tabindex: 0 })),
  ].filter(Boolean));
}

// sinceClass is that of a cell with a time since the start: where there is no head of the table, a later one has a plus.
const sinceClass = (us) => (us < 0 ? "n" : "n since");

// phaseTable lists the phases, of both servers, each with its bar on one scale.
function phaseTable(r) {
  const b = r.behind, lines = r.steps.map((p) => [p, ""]);
  if (b) lines.push(...b.steps.map((p) => [p, input(b.input).label]));
  if (!lines.length) return h("p", { class: "note" }, "No file tells the phases of this request.");
  const from = Math.min(r.start, b ? b.start : r.start), to = Math.max(r.last, from + 1), wide = 300;
  const x = (t) => ((t - from) / (to - from)) * (wide - 4) + 1;
  const mark = r.limit === null ? "" : `M${x(r.limit).toFixed(1)} 0v22`;
  const bar = (p) => {
    const g = svg("svg", { viewBox: `0 0 ${wide} 22`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" });
    if (p.start !== null) bars(g, [p], p.start, p.took === null ? r.end : p.start + p.took, 4, 14, x, wide);
    if (mark) g.append(svg("path", { class: "limit", d: mark }));
    for (const t of g.querySelectorAll("text")) t.remove(); // it would be stretched
    return g;
  };
  return h("div", { class: "scroll" }, h("table", { class: "parts" },
    h("caption", null, "Phases" + (r.how.limit ? `; the line is the limit of ${round(r.how.limit)}` : "")),
    h("thead", null, h("tr", null, ["Phase", "Since start", "Took", "Outcome", "Error", h("span", { class: "unseen" }, "Bar")].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", null, lines.map(([p, at]) => h("tr", null,
      h("th", { scope: "row" }, swatch(12, kindOf(p)), S[p.word], at && h("span", { class: "src" }, at),
        !["", "headers", "body", "pool"].includes(S[p.detail]) && h("span", { class: "mono soft" }, S[p.detail])),
      h("td", { class: sinceClass(p.start === null ? -1 : p.start - r.start) }, p.start === null ? "not known" : exact(p.start - r.start)),
      h("td", { class: "n" }, p.took === null ? "no end" : took(p.took)),
      h("td", null, h("span", { class: "outcome " + OUTCOMES[p.outcome] }, OUTCOMES[p.outcome])),
      h("td", null, code(p.error)),
      h("td", { class: "drawn" }, bar(p)))))));
}

// lineOf names the members of a line of a tale.
function lineOf([at, took, from, kind, head, text, place, by, key, level, link, event, message, ...fields]) {
  return {
    at, took, from: input(from), kind, head: S[head], text: S[text], place: S[place], by: S[by], key: key === 1, level, link: S[link],
    event: S[event], message: S[message], fields: fields.map((i) => S[i]),
  };
}
// gist is what the fields of an event say that has no message: no addresses, identifiers and zeros.
function gist(x) {
  const most = 90, dull = /^(|0|0x0|0x[0-9a-f]{8,}|\{?[0-9a-f]{8}-[0-9a-f-]{27,}\}?)$/i;
  let out = "";
  for (let i = 0; x.text === x.event && i + 1 < x.fields.length; i += 2) {
    const [name, value] = x.fields.slice(i, i + 2);
    if (!dull.test(value) && out.length + value.length < most) out += (out && ", ") + name + " " + value;
  }
  return out;
}
const coarse = (x) => x.from.coarse && x.kind > OMITTED;
const timeOf = (x, decimals) => (x.at === null ? "" : clock(x.at, coarse(x) ? 0 : decimals));

// tale shows what all files tell of a request on one clock.
function tale(r, d) {
  const lines = d.tale.map(lineOf);
  if (!lines.length) return h("p", { class: "note" }, "No file tells more of it than its line.");
  const labels = [...new Set(lines.map((x) => x.from.label))], off = new Set(), keyed = lines.filter((x) => x.key).length;
  let brief = false; // only the lines that the verdict rests on
  const table = h("tbody");
  const draw = () => {
    let last = null;
    table.replaceChildren(...lines.filter((x) => !off.has(x.from.label) && (x.key || !brief)).flatMap((x, i) => {
      const since = x.at === null ? null : x.at - r.start, fuzzy = coarse(x);
      const gap = x.at === null || last === null || fuzzy ? "" : exact(x.at - last);
      if (x.at !== null && !fuzzy) last = x.at;
      if (x.kind === OMITTED) return [h("tr", { class: "omitted" }, h("td", { colspan: 6 }, x.text))];
      return [eventRow(x, since, gap, r)];
    }));
  };
  draw();
  const chip = (label) => button(`${label} ${lines.filter((x) => x.from.label === label && x.kind !== OMITTED).length}`, "Show or hide what this source tells", (e) => {
    off.has(label) ? off.delete(label) : off.add(label);
    e.currentTarget.setAttribute("aria-pressed", !off.has(label));
    draw();
  }, { "aria-pressed": true, class: "chip" });
  const chips = labels.length > 1 && h("div", { class: "chips", role: "group", "aria-label": "Sources" }, labels.map(chip));
  const only = keyed > 0 && keyed < lines.length && button(`Only evidence ${keyed}`, "Show only what the verdict rests on", () => {
    brief = !brief;
    only.setAttribute("aria-pressed", brief);
    draw();
  }, { "aria-pressed": false, class: "chip" });
  return h("section", { class: "tale" }, h("div", { class: "tray" }, h("h3", null, "All sources on one clock"), only, chips),
    h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, [`Time, ${zone()}`, "Since start", "\u0394", "Took", "Source", "What it tells"].map((t) => h("th", { scope: "col" }, t)))), table)));
}

// eventRow is a line of the tale. What is raw about it opens below it.
function eventRow(x, since, gap, r) {
  const toggle = button("", "Show all fields", null, { "aria-expanded": false, class: "event" });
  toggle.append(...[
    x.key && h("span", { class: "key", title: "The verdict rests on it" }, "evidence"), x.head && h("span", { class: "name" }, x.head),
    h("span", { class: x.link && "gist" }, x.text), x.event && h("span", { class: "gist" }, gist(x)),
    x.place && h("span", { class: "gist" }, x.place),
  ].filter(Boolean).flatMap((e) => [e, " "]));
  const tr = h("tr", { class: "line t" + x.kind + (x.key ? " keyed" : "") + (x.link && !x.key && !(x.level >= 1 && x.level <= 3) ? " lesser" : "") },
    h("td", { class: "n" }, timeOf(x, 4)),
    h("td", { class: sinceClass(since) }, since === null || coarse(x) ? "" : exact(since)),
    h("td", { class: "n soft" }, gap),
    h("td", { class: "n" }, x.took === null ? "" : took(x.took)),
    h("td", null, h("span", { class: "src", title: x.from.path }, x.from.label)),
    h("td", null, toggle));
  tr.addEventListener("click", (e) => {
    if (e.target.closest(".raw") || (String(getSelection()) && !e.target.closest("button"))) return;
    const open = toggle.getAttribute("aria-expanded") === "true";
    toggle.setAttribute("aria-expanded", !open);
    if (open) tr.nextElementSibling.remove();
    else tr.after(raw(x));
  });
  return tr;
}

function raw(x) {
  const list = [];
  const add = (n, v) => v !== "" && v !== undefined && v !== null && list.push(h("div", null, h("dt", null, n), h("dd", null, v)));
  add("Time", x.at === null ? "" : `${date(x.at)} ${coarse(x) ? clock(x.at, 0) + " (whole seconds)" : clock(x.at, 6)} ${zone()}`);
  add("File", x.from.path);
  add("Place", x.place);
  add("Event", [x.head, x.event !== x.text && x.event].filter(Boolean).join(", "));
  add("Level", x.level ? data.levels[x.level] || String(x.level) : "");
  add("Joined by", x.by);
  add("Message", x.message);
  add("All of it", x.link && $(x.link.slice(1)) && h("a", { href: x.link }, "in the view of the file"));
  const known = list.length;
  for (let i = 0; i + 1 < x.fields.length; i += 2) list.push(h("div", { class: "field" }, h("dt", null, x.fields[i]), h("dd", null, x.fields[i + 1])));
  const none = list.length === known && x.event !== undefined && h("p", { class: "soft" }, "The event has no fields.");
  return h("tr", { class: "raw" }, h("td", { colspan: 6 }, h("dl", null, list), none));
}

// markdown is what is known of a request for a ticket.
function markdown(r) {
  const esc = (s) => String(s).replace(/[\\`*|[\]<~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, "\\$&").replace(/\s+/g, " ");
  const v = r.verdict, d = r.detail, out = [];
  const span = (t) => { // a code span of a text, whatever it holds
    const mark = "`".repeat(Math.max(0, ...(t.match(/`+/g) || []).map((m) => m.length)) + 1);
    return mark + (/^`|`$/.test(t) ? ` ${t} ` : t) + mark;
  };
  const line = (cells) => "| " + cells.join(" | ") + " |";
  const table = (head, list) => out.push("", line(head), line(head.map(() => "---")), ...list.map((c) => line(c.map(esc))));
  out.push(`### ${r.id} ${r.outcome}${r.status ? ", " + r.status : ""}: ${esc(r.method)} ${esc(r.url)}`, "");
  const c = v && d && data.cards[d.card];
  if (v) {
    out.push(`**${esc(v.title || v.id)}**`, "", `How sure: ${SURE[r.how.sure]}. ${c ? esc(S[c.sure]) : ""}`.trim());
  }
  if (c) {
    const proofs = proofsOf(d);
    if (proofs.length) table(["time, UTC", "who tells", "what", "where"], proofs);
    for (const t of texts(c.clocks)) out.push("", esc(t));
    const step = (p) => stepOf(p).map((x) => (typeof x === "string" ? esc(x) : " " + span(x.textContent) + " ")).join("").replace(/  +/g, " ").trim();
    const list = (title, items, bullet) => items.length && out.push("", `**${title}**`, "", ...items.map((t, i) => (bullet || i + 1 + ". ") + t));
    list("Do now", c.do.map(step));
    list("Find out", c.find.map(step));
    list("Not", texts(c.not).map(esc), "- ");
    if (c.open) out.push("", `**${esc(S[c.openLabel] || "Cannot be told")}:** ${esc(S[c.open])}`);
  }
  out.push("");
  for (const [label, text] of facts(r)) out.push(`- ${label}: ${esc(text)}`);
  const b = r.behind, steps = r.steps.map((p) => [p, input(r.who.input).label]).concat(b ? b.steps.map((p) => [p, input(b.input).label]) : []);
  if (steps.length) {
    table(["phase", "by", "since start", "took", "outcome", "error"], steps.map(([p, by]) =>
      [S[p.word], by, p.start === null ? "" : exact(p.start - r.start), p.took === null ? "no end" : took(p.took), OUTCOMES[p.outcome], code(p.error)]));
  }
  return out.join("\n") + "\n";
}

async function copy() {
  const text = markdown(current), said = (t) => (ui.copied.textContent = t);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { readonly: true, class: "unseen", "aria-hidden": "true", tabindex: -1 });
    area.value = text;
    ui.panel.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    ui.copy.focus();
    if (!done) {
      const preview = ui.detail.querySelector("details.markdown");
      preview.open = true;
      preview.scrollIntoView();
      return said("The browser did not let it be copied: select the text at the end.");
    }
  }
  said("Copied.");
}

// ---- Tools of the page

function tools() {
  const themes = ["auto", "light", "dark"], root = document.documentElement;
  const theme = button("Theme: auto", "Light, dark, or as the system is", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    theme.textContent = "Theme: " + next;
  }, { id: "theme" });
  const hint = "Of the list and of single requests: UTC, or as the clock of the captured machine showed them";
  const times = rows.length > 0 && data.zone && button("Times of the list: UTC", hint, () => {
    shift = shift ? 0 : data.zone;
    times.textContent = "Times of the list: " + zone();
    retime();
  }, { id: "zone" });
  $("tools").append(...[theme, times, button("Print", "Print the report", () => print(), { id: "print" })].filter(Boolean));
  $("tools").hidden = false;
}

// retime shows the times in the zone that was chosen. The rest of the page, which has them in sentences, stays in UTC; the
// other zone is in its tooltips.
function retime() {
  dated();
  ui.startTitle.textContent = "Start, " + zone();
  repaint();
  if (current) drawDetail(current);
}
// dated adds the day to the times of the list if they are of several.
function dated() {
  const from = rows.find((r) => r.start !== null), to = rows.findLast((r) => r.start !== null);
  days = !!from && date(from.start) !== date(to.start);
  ui.grid.classList.toggle("dated", days);
}
function hintTimes() {
  if (!data.zone) return;
  shift = data.zone;
  for (const e of document.querySelectorAll("main time[datetime]")) {
    const us = (Date.parse(e.getAttribute("datetime")) - data.base) * 1000;
    if (!isNaN(us) && !e.title) e.title = `${date(us)} ${clock(us, 3)} ${zone()}, by the clock of the captured machine`;
  }
  shift = 0;
}

// ---- The page

// examples are words of the filter that find something here.
function examples() {
  const most = (get) => {
    const n = new Map();
    for (const r of rows) if (r.how.outcome === FAILED && get(r)) n.set(get(r), (n.get(get(r)) || 0) + 1);
    return [...n].sort((a, b) => b[1] - a[1]).map(([v]) => (/\s/.test(v) ? `"${v}"` : v))[0];
  };
  const phase = most((r) => r.phase), server = most((r) => r.server), status = most((r) => r.how.status && String(r.how.status));
  const some = (state) => rows.some(STATES[state]) && "is:" + state;
  return [some("failed"), phase && "phase:" + phase, server && "server:" + server, status && "status:" + status,
    some("unfinished"), some("cancelled"), rows.some((r) => r.took > 5e6) && "ms>5000", rows.some((r) => r.how.outcome !== OK) && "-outcome:ok"].filter(Boolean);
}

// wordsOfFilter parts what is in the box at blanks that are not quoted.
const wordsOfFilter = () => ui.filter.value.match(/(?:[^\s"]|"[^"]*"?)+/g) || [];

function toggleWord(text) {
  const words = wordsOfFilter(), i = words.indexOf(text);
  i < 0 ? words.push(text) : words.splice(i, 1);
  setFilter(words.join(" "));
}
function setFilter(text) {
  ui.filter.value = text;
  applyFilter();
}

const kbd = (text) => [h("kbd", null, text), " "];
const codes = (list) => list.map((text) => [h("code", null, text), " "]);

function buildFilter() {
  ui.filter = h("input", {
    id: "filter", type: "search", autocomplete: "off", spellcheck: "false", "aria-label": "Filter requests", "aria-describedby": "filter-said",
    placeholder: "Filter: is:failed  server:10.0.0.12  status:502  ms>5000  text",
    oninput: later(applyFilter),
    onkeydown: (e) => {
      if (e.key === "Escape" && ui.filter.value) setFilter("");
      else if (e.key === "ArrowDown") {
        choose(active);
        focusRow();
      } else return;
      e.preventDefault();
    },
  });
  ui.count = h("output", { class: "count", "aria-live": "polite", for: "filter" });
  ui.said = h("p", { id: "filter-said", class: "said", role: "status" });
  ui.examples = examples().map((t) => button(t, "Add to the filter, or take out", () => toggleWord(t), { class: "chip", "aria-pressed": false }));
  ui.sort = h("select", { "aria-label": "Sort by", onchange: (e) => sortBy(e.target.value) },
    COLUMNS.map((c) => h("option", { value: c.key }, c.name || c.title)));
  ui.way = button("\u2191", "Turn the order around", () => sortBy(order.key), { "aria-label": "Turn the order around" });
  const help = h("details", { class: "words" }, h("summary", null, "All words"), h("div", null,
    h("p", null, codes(Object.keys(KEYS).filter((k) => k !== "is").map((k) => k + ":")), codes(["ms>", "ms<"]), codes(Object.keys(STATES).map((k) => "is:" + k))),
    h("p", null, "Words beside each other must all hold; of the same word several times, one must. A minus in front means not; quotes keep ",
      "blanks together; anything else is looked for in all columns. ", kbd("/"), "goes to the filter, ", kbd("Esc"), "clears it."),
    h("p", null, "In the list: arrows, ", ["Home", "End", "Enter"].map(kbd), "; for the time axis ", ["+", "\u2212", "0", "\u2190", "\u2192"].map(kbd),
      "or drag along it, or ", kbd("Ctrl"), "and the wheel.")));
  return [
    h("div", { class: "tray" }, ui.filter, ui.count, h("span", { class: "sorter" }, "Sort by ", ui.sort, ui.way)), ui.said,
    h("div", { class: "tray hints" }, ui.examples.length > 0 && h("span", { class: "soft" }, "Try"), ui.examples, help),
  ];
}

function buildAxis() {
  const modes = [["own", "From own start"], ["clock", "By the clock"]].map(([mode, text]) => button(text, "How rows share the time axis", () => {
    view.mode = mode;
    modes.forEach((b) => b.setAttribute("aria-pressed", b.dataset.mode === mode));
    fit();
  }, { "data-mode": mode, "aria-pressed": mode === view.mode }));
  ui.in = button("+", "Show less time (+)", () => zoom(0.5), { "aria-label": "Zoom in" });
  ui.out = button("\u2212", "Show more time (-)", () => zoom(2), { "aria-label": "Zoom out" });
  ui.fit = button("Fit", "Show all (0)", fit);
  ui.left = button("\u2039", "Earlier (left)", () => pan(-0.5), { "aria-label": "Earlier" });
  ui.right = button("\u203a", "Later (right)", () => pan(0.5), { "aria-label": "Later" });
  ui.axis = h("div", { class: "ruler", tabindex: 0, role: "group", onpointerdown: dragAxis, ondblclick: fit, onkeydown: (e) => axisKey(e) && e.preventDefault() });

  const kinds = new Set(data.steps.map(kindOf));
  if (rows.some((r) => r.list.length < 9)) kinds.add("whole");
  const keys = KINDS.filter((k) => kinds.has(k)).map((k) => [swatch(18, k), KIND_WORDS[k] || k]);
  if (rows.some((r) => r.how.limit)) keys.push([figure(6, svg("path", { class: "limit", d: "M3 -1v14" })), "limit"]);
  if (rows.some((r) => r.how.outcome === FAILED)) keys.push([figure(12, cross(6, 6, 4)), "failed"]);
  return h("div", { class: "tray" },
    h("span", { class: "set", role: "group", "aria-label": "Time axis" }, modes),
    h("span", { class: "set", role: "group", "aria-label": "Zoom" }, ui.left, ui.right, ui.in, ui.out, ui.fit),
    h("ul", { class: "legend", "aria-label": "What the bars show" }, keys.map((k) => h("li", null, k))));
}

function buildGrid() {
  ui.startTitle = h("span", null, "Start, " + zone());
  const head = (c) => h("div", { role: "columnheader", class: "f-" + c.key, "data-key": c.key },
    button(c.key === "start" ? ui.startTitle : c.title, "Sort by " + (c.name || c.title), () => sortBy(c.key)));
  ui.head = h("div", { role: "rowgroup", class: "head" }, h("div", { role: "row", class: "row", "aria-rowindex": 1 },
    COLUMNS.map(head), h("div", { role: "columnheader", class: "f-bar", "aria-label": "Waterfall" }, ui.axis)));
  ui.body = h("div", { role: "rowgroup", class: "body" });
  ui.none = h("p", { class: "none", hidden: true }, "No request fits. ", button("Clear the filter", null, () => {
    setFilter("");
    ui.filter.focus();
  }));
  const wordy = rows.some((r) => r.how.limit || !r.how.outcome || r.behind);
  ui.grid = h("div", { role: "grid", class: wordy ? "sheetbox" : "sheetbox bare", tabindex: -1, "aria-label": "Requests", "aria-colcount": COLUMNS.length + 1, "aria-readonly": "true" }, ui.head, ui.body);
  ui.grid.addEventListener("scroll", paint, { passive: true });
  ui.grid.addEventListener("wheel", wheel, { passive: false });
  ui.body.addEventListener("keydown", gridKey);
  const indexOf = (e) => (e.target.closest(".row") ? +e.target.closest(".row").getAttribute("aria-rowindex") - 2 : -1);
  ui.body.addEventListener("click", (e) => {
    const i = indexOf(e);
    if (i < 0 || String(getSelection())) return;
    if (e.target.closest("a") && (e.ctrlKey || e.metaKey || e.shiftKey)) return; // a link of its own
    e.preventDefault();
    choose(i);
    openDetail(shown[i].id);
  });
  ui.body.addEventListener("focusin", (e) => {
    const i = indexOf(e);
    if (i >= 0 && i !== active) choose(i);
  });
  return [ui.grid, ui.none];
}

function buildPanel() {
  ui.title = h("h2", { id: "detail-title", tabindex: -1, "aria-live": "polite" });
  ui.where = h("span", { class: "where soft" });
  ui.before = button("\u2039", "The one before (K)", () => step(-1), { "aria-label": "The request before" });
  ui.next = button("\u203a", "The next one (J)", () => step(1), { "aria-label": "The next request" });
  ui.copy = button("Copy as Markdown", "Copy what is known of this request, for a ticket", copy, { class: "copy" });
  ui.copied = h("span", { role: "status", class: "copied" });
  ui.detail = h("div", { class: "detail" });
  const close = button("\u00d7", "Close (Esc)", () => ui.panel.close(), { "aria-label": "Close", class: "close" });
  ui.panel = h("dialog", {
    id: "detail", "aria-labelledby": "detail-title", onclose: closed,
    onclick: (e) => { if (e.target === ui.panel) ui.panel.close(); }, // beside it
    onkeydown: (e) => { if (!e.ctrlKey && !e.metaKey && !e.altKey && (e.key === "j" || e.key === "k")) step(e.key === "j" ? 1 : -1); },
  }, h("div", { class: "sheet" },
    h("header", null, ui.title, ui.where, h("span", { class: "acts" }, ui.copied, ui.copy, ui.before, ui.next, close)),
    ui.detail));
  return ui.panel;
}

function build() {
  const note = data.detailed < data.total
    ? `Event by event for ${thousands(data.detailed)} of ${plural(data.total, "request")}: the failed ones, then the slowest. `
      + (data.beside ? `The phases of every request are in ${data.beside}, beside this file.` : "The phases of every request: etwhy timeline -f csv.")
    : "All requests can be opened: event by event, as far as the files tell.";
  $("app").append(...buildFilter(), buildAxis(), ...buildGrid(), h("p", { class: "note" }, note));
  document.body.append(buildPanel());
}

// later puts off what is to happen until the browser draws next.
function later(f) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; f(); });
  };
}

function start() {
  load();
  tools();
  hintTimes();
  if (!rows.length) return; // the page says so
  build();
  document.documentElement.classList.add("js");
  $("app").hidden = false;
  dated();
  applyFilter();
  new ResizeObserver(later(() => { if (ui.axis.clientWidth !== ui.wide || !painted.size) repaint(); else paint(); })).observe(ui.grid);
  narrow.addEventListener("change", repaint);
  addEventListener("hashchange", follow);
  document.addEventListener("click", link);
  addEventListener("keydown", (e) => {
    if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !ui.panel.open && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      ui.filter.focus();
      ui.filter.select();
    }
  });
  if (location.hash) follow();
}

// The answer on top is painted before the data is read.
if (document.hidden) start();
else requestAnimationFrame(() => setTimeout(start));
})();
