// What every part uses: elements (a text is never HTML), words, the address, unpacking.

const byId = (id) => document.getElementById(id);
const SVG = /^(svg|path|line|rect|circle|text|title|polyline)$/;
const there = (part) => part !== false && part != null;

/** An element. Attributes may be left out, "on…" are listeners, false and null are left out. */
function h(tag, ...parts) {
  const element = SVG.test(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  const attributes = parts[0]?.constructor === Object ? parts.shift() : {};
  for (const [key, value] of Object.entries(attributes))
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (there(value)) element.setAttribute(key, value === true ? "" : value);
  element.append(...parts.flat(Infinity).filter(there));
  return element;
}
const table = (head, rows) => h("div", { class: "scroll", tabindex: "0" }, h("table",
  h("thead", h("tr", head.map((name) => h("th", { scope: "col" }, name)))),
  h("tbody", rows.map(([name, ...cells]) =>
    h("tr", h("th", { scope: "row" }, name), cells.map((cell) => h("td", cell)))))));
const swatch = (colour) => {
  const square = h("i");
  square.style.backgroundColor = colour;
  return square;
};

// characters that would be unseen, or turn the order of others around: shown by their number
const UNSEEN = new RegExp("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f" +
  "\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]", "g");

/** A text from outside as nodes. */
function seen(text) {
  const nodes = [];
  let last = 0;
  for (const { 0: sign, index } of text.matchAll(UNSEEN)) {
    if (nodes.length > 4000) break; // enough to see what it is
    const number = sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(text.slice(last, index), h("span", { class: "code-point" }, `⟨U+${number}⟩`));
    last = index + 1;
  }
  return [...nodes, text.slice(last)];
}

const short = (n, digits = 3) => Number(n.toPrecision(digits));
function percent(share) {
  if (share == null) return "not measured";
  return share >= 0.9995 && share < 1 ? "99.9 %" : `${short(100 * share)} %`;
}
const count = (n) => n.toLocaleString("en");
const seconds = (s) => `${short(s)} s`;
const dollars = (d) => `$${d < 0.1 ? short(d, 2) : d.toFixed(2)}`;
const interval = (r) =>
  (r.low == null ? "" : `${Math.round(100 * r.low)} to ${Math.round(100 * r.high)} %`);

function lengthName(n) {
  for (const [unit, size] of [["M", 1e6], ["k", 1e3]])
    if (n >= size && (n * 10) % size === 0) return `${n / size}${unit}`;
  return String(n);
}

function place({ length, depth, control }) {
  const tokens = length == null ? "" : `${lengthName(length)} tokens, `;
  return tokens + (control || `depth ${depth} %`);
}
const verdict = (t) => t.class || t.outcome;

/** Colours of shares from 0 to 1, between given ones. */
const colourMap = (anchors) => (share) => {
  const at = Math.min(Math.max(share, 0), 1) * (anchors.length - 1);
  const low = Math.min(Math.floor(at), anchors.length - 2);
  return anchors[low].map((c, i) => c + (anchors[low + 1][i] - c) * (at - low));
};
const css = (rgb) => `rgb(${rgb.map((c) => Math.round(255 * c)).join(" ")})`;
function inkOn(rgb) {
  const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.19 ? "#fff" : "#16191d";
}
// viridis of matplotlib, and RdBu of ColorBrewer
const VIRIDIS = [[0.267, 0.005, 0.329], [0.231, 0.318, 0.545], [0.129, 0.569, 0.551],
  [0.369, 0.789, 0.383], [0.993, 0.906, 0.144]];
const RED_BLUE = [[0.404, 0, 0.122], [0.839, 0.376, 0.302], [0.969, 0.969, 0.969],
  [0.263, 0.576, 0.765], [0.02, 0.188, 0.38]];

// what is looked at, kept in the address so that it can be sent
const FIRST = 50; // trials that are listed at first
const state = {
  run: 0, trial: null, cell: null, filters: {}, viridis: false, digits: true, shown: FIRST,
};
const KEYS = ["outcome", "class", "control", "from", "to", "q"];
const isCell = ({ length, depth, control }) => state.cell?.length === length &&
  state.cell.depth === depth && state.cell.control === control;

function readAddress(runs) {
  const asked = new URLSearchParams(location.hash.slice(1));
  state.trial = asked.get("trial");
  const named = runs.findIndex((r) => r.name === asked.get("run"));
  const holds = (r) => r.trials.some((t) => t.id === state.trial);
  state.run = Math.max(0, named < 0 ? runs.findIndex(holds) : named);
  const [length, depth, control] = (asked.get("cell") || "").split("/");
  const number = (text) => (text === "" ? null : Number(text));
  state.cell = depth === undefined ? null
    : { length: number(length), depth: number(depth), control: control || null };
  const given = KEYS.filter((k) => asked.get(k));
  state.filters = Object.fromEntries(given.map((k) => [k, asked.get(k)]));
}

function address(changes = {}) {
  const { run, cell, filters, trial } = { ...state, ...changes };
  const told = new URLSearchParams();
  if (data.runs.length > 1) told.set("run", data.runs[run].name);
  if (cell) told.set("cell", `${cell.length ?? ""}/${cell.depth ?? ""}/${cell.control ?? ""}`);
  for (const key of KEYS) if (filters[key]) told.set(key, filters[key]);
  if (trial) told.set("trial", trial);
  return `#${told}`;
}
const keepAddress = () => history.replaceState(null, "", address());

/** The data that stands in the page: gzip in base64. */
async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(text).json();
}

let data; // see page_data
const run = () => data.runs[state.run];
