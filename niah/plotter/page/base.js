// What every part uses: making elements (texts are always texts, never HTML), words, the address, unpacking.

const byId = (id) => document.getElementById(id);

/** An element. Keys of `props` are attributes; "on…" are listeners; false and null leave an attribute out. */
function h(tag, props = {}, ...children) {
  const svg = ["svg", "path", "line", "rect", "circle", "text", "g", "title", "polyline"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

// characters that would be unseen, or turn the order of others around: shown by their number
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** A text from outside as nodes. */
function seen(text) {
  const nodes = [];
  let last = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (nodes.length > 4000) break; // enough to see what it is
    const number = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(text.slice(last, found.index), h("span", { class: "code-point" }, `⟨U+${number}⟩`));
    last = found.index + 1;
  }
  nodes.push(text.slice(last));
  return nodes;
}

const percent = (share) =>
  share === undefined ? "not measured" : share >= 0.9995 && share < 1 ? "99.9 %" : `${Number((100 * share).toPrecision(3))} %`;
const count = (n) => n.toLocaleString("en");
const seconds = (s) => (s === undefined ? "not measured" : `${Number(s.toPrecision(3))} s`);
const dollars = (d) => (d === undefined ? "not known" : `$${d < 0.1 ? Number(d.toPrecision(2)) : d.toFixed(2)}`);
const interval = (r) => (r.low === undefined || r.low === null ? "" : `${Math.round(100 * r.low)} to ${Math.round(100 * r.high)} %`);
const found = (r) => (r.mean === undefined || r.mean === null ? "nothing scored" : `${percent(r.mean)} found, n = ${count(r.n)}, 95 % interval ${interval(r)}`);

function lengthName(n) {
  for (const [unit, size] of [["M", 1e6], ["k", 1e3]])
    if (n >= size && (n * 10) % size === 0) return `${n / size}${unit}`;
  return String(n);
}

const place = (t) => `${lengthName(t.length)} tokens, ${t.control ? t.control : `depth ${t.depth} %`}`;
const verdict = (t) => t.class || t.outcome;

/** Colours of shares from 0 to 1, between given ones. */
function colourMap(anchors) {
  return (share) => {
    const at = Math.min(Math.max(share, 0), 1) * (anchors.length - 1);
    const low = Math.min(Math.floor(at), anchors.length - 2);
    return anchors[low].map((c, i) => c + (anchors[low + 1][i] - c) * (at - low));
  };
}
const css = (rgb) => `rgb(${rgb.map((c) => Math.round(255 * c)).join(" ")})`;
function inkOn(rgb) {
  const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.19 ? "#fff" : "#16191d";
}
// viridis of matplotlib, and RdBu of ColorBrewer
const VIRIDIS = [[0.267, 0.005, 0.329], [0.231, 0.318, 0.545], [0.129, 0.569, 0.551], [0.369, 0.789, 0.383], [0.993, 0.906, 0.144]];
const RED_BLUE = [[0.404, 0, 0.122], [0.839, 0.376, 0.302], [0.969, 0.969, 0.969], [0.263, 0.576, 0.765], [0.02, 0.188, 0.38]];

// what is looked at, kept in the address so that it can be sent
const FIRST = 50; // trials that are listed at first
const state = { run: 0, trial: null, cell: null, filters: {}, viridis: false, digits: true, shown: FIRST };
const KEYS = ["outcome", "class", "control", "from", "to", "q"];

function readAddress(runs) {
  const asked = new URLSearchParams(location.hash.slice(1));
  const named = runs.findIndex((r) => r.name === asked.get("run"));
  state.trial = asked.get("trial");
  const holds = state.trial ? runs.findIndex((r) => r.trials.some((t) => t.id === state.trial)) : -1;
  state.run = named >= 0 ? named : Math.max(0, holds);
  const cell = (asked.get("cell") || "").split("/");
  state.cell = cell.length >= 2 ? { length: Number(cell[0]), depth: cell[1] === "" ? null : Number(cell[1]), control: cell[2] || null } : null;
  state.filters = Object.fromEntries(KEYS.filter((k) => asked.get(k)).map((k) => [k, asked.get(k)]));
}

function address(changes = {}) {
  const next = { ...state, ...changes };
  const told = new URLSearchParams();
  if (data.runs.length > 1) told.set("run", data.runs[next.run].name);
  if (next.cell) told.set("cell", `${next.cell.length}/${next.cell.depth ?? ""}/${next.cell.control ?? ""}`);
  for (const key of KEYS) if (next.filters[key]) told.set(key, next.filters[key]);
  if (next.trial) told.set("trial", next.trial);
  return `#${told}`;
}
const keepAddress = () => history.replaceState(null, "", address());

/** The data that stands in the page, or that a server sends: gzip in base64. */
async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

let data; // see data.py
const run = () => data.runs[state.run];
