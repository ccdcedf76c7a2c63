// The heatmap: a grid to walk through with arrows; Enter and click list the trials of a cell.

/** Rows of cells under a head; a cell holds what it is of, its words, value, label and colours. */
function gridOf(columns, rows, { name, digits, chosen, open, media = {} }) {
  const wide = columns.length, high = rows.length;
  const kind = wide > 40 || high > 40 ? "heat dense" : "heat";
  const grid = h("div", { role: "grid", class: kind, "aria-label": name });
  const least = wide > 40 ? 4 : wide > 12 ? 16 : 34;
  grid.style.gridTemplateColumns = `max-content repeat(${wide}, minmax(${least}px, 1fr))`;
  grid.style.setProperty("--high", `${high > 40 ? 7 : high > 15 ? 14 : 34}px`);
  const across = Math.ceil(wide / 16), down = Math.ceil(high / 22);
  const head = (n, i) => h("div",
    { role: "columnheader", "aria-label": `${n} tokens${media[n] ? `, ${media[n]}` : ""}` },
    i % across ? "" : h("span", lengthName(n), media[n] && [h("br"), media[n]]));
  grid.append(h("div", { role: "row" },
    h("div", { role: "columnheader" }, h("span", "")), columns.map(head)));
  const cells = rows.map((row, y) => {
    const made = row.cells.map((c, x) => cellOf(c, { x, y, digits: digits && wide <= 16, chosen }));
    const name = h("div", { role: "rowheader" }, y % down ? "" : row.name);
    grid.append(h("div", { role: "row" }, name, made));
    return made;
  });
  walk(grid, cells, open);
  return grid;
}

function cellOf(c, { x, y, digits, chosen }) {
  const none = c.value === undefined;
  const kinds = ["cell", none && "none", c.partly && "partly", c.sure && "sure", c.after,
    chosen && chosen(c) && "chosen"];
  const attributes = { role: "gridcell", class: kinds.filter(Boolean).join(" "), tabindex: "-1",
    "data-x": x, "data-y": y, "aria-label": c.words };
  const cell = h("div", attributes, none ? h("span", c.label || "") : digits && c.label);
  if (c.wide) cell.style.gridColumn = `span ${c.wide}`;
  if (!none) Object.assign(cell.style, { backgroundColor: css(c.colour), color: inkOn(c.colour) });
  cell.of = c;
  return cell;
}

/** Arrows, Home and End move; one cell is reached by Tab. A tip follows focus and pointer. */
function walk(grid, cells, open) {
  let [x, y] = [0, 0];
  const at = () => cells[y][Math.min(x, cells[y].length - 1)];
  const go = (nx, ny, focus) => {
    at().tabIndex = -1;
    y = Math.min(Math.max(ny, 0), cells.length - 1);
    x = Math.min(Math.max(nx, 0), cells[y].length - 1);
    at().tabIndex = 0;
    if (focus) at().focus();
  };
  if (cells[0]?.length) go(0, 0);
  const steps = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    Home: [-1e4, 0], End: [1e4, 0],
  };
  grid.addEventListener("keydown", (e) => {
    const step = steps[e.key];
    if (step) go(x + step[0], y + step[1], true);
    else if ((e.key === "Enter" || e.key === " ") && open) open(at().of);
    else return;
    e.preventDefault();
  });
  const on = (events, act) => events.split(" ").forEach((event) =>
    grid.addEventListener(event, (e) => act(e.target.closest?.(".cell"))));
  on("click", (cell) => {
    if (!cell) return;
    go(Number(cell.dataset.x), Number(cell.dataset.y), true);
    if (open) open(cell.of);
  });
  on("focusin mouseover", (cell) => (cell ? showTip(cell) : hideTip()));
  on("focusout mouseleave", hideTip);
}

function showTip(cell) {
  const tip = byId("tip") ||
    document.body.appendChild(h("div", { id: "tip", "aria-hidden": "true" }));
  tip.textContent = cell.of.words;
  tip.hidden = false;
  const box = cell.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  const below = box.bottom + tip.offsetHeight + 8 <= innerHeight; // as high as it is now
  const top = below ? box.bottom + 6 : Math.max(4, box.top - tip.offsetHeight - 6);
  tip.style.top = `${top}px`;
}
function hideTip() {
  if (byId("tip")) byId("tip").hidden = true;
}

const shortValue = (v) =>
  (v === 0 || v === 1 ? String(v) : Math.min(Math.max(v, 0.01), 0.99).toFixed(2).slice(1));

function heatCell(r, c, length, depth, control, colours) {
  const value = c?.mean ?? undefined;
  const outcomes = Object.entries(c?.outcomes || {})
    .filter(([o, n]) => o !== "scored" && n).sort((a, b) => b[1] - a[1]);
  const classes = Object.entries(c?.answer_classes || {}).filter(([name]) => name !== "right");
  const next = r.lengths[r.lengths.indexOf(length) + 1] ?? Infinity;
  const edge = (limit) => limit && length !== null && length <= limit && limit < next;
  const none = value === undefined;
  let found = c ? "nothing scored" : "not run";
  if (!none) found = `${percent(value)} found, n = ${count(c.n)}`;
  if (!none && there(c.low)) found += `, 95 % interval ${interval(c)}`;
  const said = [place({ length, depth, control }), found,
    ...outcomes.map(([o, n]) => `${n} ${o}`), ...classes.map(([o, n]) => `${n} answered ${o}`)];
  return {
    length, depth, control, value, words: said.join("\n"), partly: !none && outcomes.length,
    colour: none ? null : colours(value), label: none ? outcomes[0]?.[0] : shortValue(value),
    after: edge(r.effective) ? "after-effective" : edge(r.claimed) ? "after-claimed" : null,
  };
}

function heatmap(r, open = openCell, digits = state.digits) {
  const colours = heatColours();
  const at = new Map(r.cells.map((c) => [`${c.context_length}/${c.depth_percent}`, c]));
  const cellsAt = (d) =>
    r.lengths.map((n) => heatCell(r, at.get(`${n}/${d}`), n, d, null, colours));
  const rows = r.depths.map((d) => ({ name: `${d} %`, cells: cellsAt(d) }));
  for (const control of ["absent", "oracle", "closed-book"]) {
    const of = r.controls.filter((c) => c.control === control);
    if (!of.length) continue;
    const whole = of[0].context_length === undefined;
    const shades = control === "closed-book" ? () => [0.92, 0.92, 0.92] : colours;
    const shaded = (c, n) => heatCell(r, c, n, null, control, shades);
    const cells = whole ? [{ ...shaded(of[0], null), wide: r.lengths.length }]
      : r.lengths.map((n) => shaded(of.find((c) => c.context_length === n), n));
    rows.push({ name: control, cells });
  }
  const axes = `by context length (across) and depth of ${r.depth_of} (down)`;
  const media = r.media_kind ? `, below each length its ${r.media_kind}` : "";
  const name = `${r.title}: share found ${axes}${media}`;
  const chosen = open === openCell && isCell;
  return gridOf(r.lengths, rows, { name, digits, chosen, open, media: r.media });
}

const heatColours = () => colourMap(state.viridis ? VIRIDIS : data.colours);

/** The heatmap over its scale. */
const heatAndScale = (r) => [heatmap(r), h("div", { class: "key" },
  [0, 0.5, 1].map((v) => h("span", swatch(css(heatColours()(v))), percent(v))))];

function heatSection(r) {
  const toggle = (key, label) => h("button", { "aria-pressed": String(state[key]), onclick: (e) => {
    state[key] = !state[key];
    e.target.setAttribute("aria-pressed", state[key]);
    byId("heat").replaceChildren(...heatAndScale(r));
  } }, label);
  return h("section", { "aria-label": "Heatmap" }, h("h2", "Every cell"),
    h("div", { class: "tools" }, toggle("digits", "values"), toggle("viridis", "viridis colours"),
      h("p", "arrows move, Enter lists a cell's trials")),
    h("div", { class: "scroll", id: "heat" }, heatAndScale(r)),
    h("div", { class: "key" }, h("span", h("i", { class: "none" }), "no score, with the reason"),
      r.effective && h("span", `line: effective length ${lengthName(r.effective)}`),
      r.claimed && h("span", `dashed: claimed ${lengthName(r.claimed)}`),
      h("span", `across: context length in tokens${r.media_kind ? ` and ${r.media_kind}` : ""}; ` +
        `down: depth of ${r.depth_of}`)));
}
