// The heatmap: a grid to walk through with arrows; Enter and click list the trials of a cell.

function cellWords(c) {
  const others = Object.entries(c.outcomes || {}).filter(([o, n]) => o !== "scored" && n);
  const classes = Object.entries(c.answer_classes || {}).filter(([o]) => o !== "right");
  return [
    found(c),
    ...others.map(([o, n]) => `${n} ${o}`),
    ...classes.map(([o, n]) => `${n} answered ${o}`),
  ].join("\n");
}

/** Rows of cells under a head; a cell holds what it is of, its words, its value, label and colours. */
function gridOf(columns, rows, { name, digits, chosen, open }) {
  const dense = columns.length > 40 || rows.length > 40;
  const least = columns.length > 40 ? 4 : columns.length > 12 ? 16 : 34;
  const grid = h("div", { role: "grid", class: dense ? "heat dense" : "heat", "aria-label": name });
  grid.style.gridTemplateColumns = `max-content repeat(${columns.length}, minmax(${least}px, 1fr))`;
  grid.style.setProperty("--high", rows.length > 40 ? "7px" : rows.length > 15 ? "14px" : "34px");
  const across = Math.ceil(columns.length / 16), down = Math.ceil(rows.length / 22);
  grid.append(h("div", { role: "row" }, h("div", { role: "columnheader" }, h("span", {}, "")),
    columns.map((n, i) => h("div", { role: "columnheader", "aria-label": `${n} tokens` }, i % across ? "" : lengthName(n)))));
  const cells = rows.map((row, y) => {
    const made = row.cells.map((c, x) => cellOf(c, { x, y, digits: digits && columns.length <= 16, chosen }));
    grid.append(h("div", { role: "row" }, h("div", { role: "rowheader" }, y % down ? "" : row.name), made));
    return made;
  });
  walk(grid, cells, open);
  return grid;
}

function cellOf(c, { x, y, digits, chosen }) {
  const label = c.value === undefined ? h("span", {}, c.label || "") : digits ? c.label : "";
  const kind = ["cell", c.value === undefined && "none", c.partly && "partly", c.sure && "sure", c.after,
    chosen && chosen(c) && "chosen"].filter(Boolean).join(" ");
  const cell = h("div", { role: "gridcell", class: kind, tabindex: "-1", "data-x": x, "data-y": y, "aria-label": c.words }, label);
  if (c.wide) cell.style.gridColumn = `span ${c.wide}`;
  if (c.value !== undefined) {
    cell.style.backgroundColor = css(c.colour);
    cell.style.color = inkOn(c.colour);
  }
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
  if (cells.length && cells[0].length) go(0, 0, false);
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [-1e4, 0], End: [1e4, 0] };
  grid.addEventListener("keydown", (e) => {
    const step = steps[e.key];
    if (step) go(x + step[0], y + step[1], true);
    else if ((e.key === "Enter" || e.key === " ") && open) open(at().of);
    else return;
    e.preventDefault();
  });
  const cellAt = (e) => e.target.closest && e.target.closest(".cell");
  grid.addEventListener("click", (e) => {
    const cell = cellAt(e);
    if (!cell) return;
    go(Number(cell.dataset.x), Number(cell.dataset.y), true);
    if (open) open(cell.of);
  });
  grid.addEventListener("focusin", (e) => cellAt(e) && showTip(cellAt(e)));
  grid.addEventListener("focusout", hideTip);
  grid.addEventListener("mouseover", (e) => (cellAt(e) ? showTip(cellAt(e)) : hideTip()));
  grid.addEventListener("mouseleave", hideTip);
}

function showTip(cell) {
  const tip = byId("tip") || document.body.appendChild(h("div", { id: "tip", "aria-hidden": "true" }));
  tip.textContent = cell.of.words;
  tip.hidden = false;
  const box = cell.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${box.bottom + tip.offsetHeight + 8 > innerHeight ? Math.max(4, box.top - tip.offsetHeight - 6) : box.bottom + 6}px`;
}
function hideTip() {
  if (byId("tip")) byId("tip").hidden = true;
}

const shortValue = (v) => (v === 0 || v === 1 ? String(v) : Math.min(Math.max(v, 0.01), 0.99).toFixed(2).slice(1));

function heatCell(r, c, length, depth, control, colours) {
  const value = c && c.mean !== null ? c.mean : undefined;
  const outcomes = Object.entries((c && c.outcomes) || {}).filter(([o]) => o !== "scored");
  const where = control ? `${length === null ? "" : `${lengthName(length)} tokens, `}${control}` : `${lengthName(length)} tokens, depth ${depth} %`;
  const last = r.lengths[r.lengths.length - 1];
  const edge = (limit) => limit && length !== null && length <= limit && (length === last || r.lengths[r.lengths.indexOf(length) + 1] > limit);
  return {
    length, depth, control, value, words: `${where}\n${c ? cellWords(c) : "not run"}`,
    colour: value === undefined ? null : colours(value), partly: value !== undefined && outcomes.some(([, n]) => n),
    label: value === undefined ? (outcomes.sort((a, b) => b[1] - a[1])[0] || [""])[0] : shortValue(value),
    after: edge(r.effective) ? "after-effective" : edge(r.claimed) ? "after-claimed" : null,
  };
}

function heatmap(r, open = openCell, digits = state.digits) {
  const colours = colourMap(state.viridis ? VIRIDIS : data.colours);
  const at = new Map(r.cells.map((c) => [`${c.context_length}/${c.depth_percent}`, c]));
  const rows = r.depths.map((d) => ({ name: `${d} %`, cells: r.lengths.map((n) => heatCell(r, at.get(`${n}/${d}`), n, d, null, colours)) }));
  for (const control of ["absent", "oracle", "closed-book"]) {
    const of = r.controls.filter((c) => c.control === control);
    if (!of.length) continue;
    const wide = of.some((c) => c.context_length === undefined);
    const cells = wide
      ? [{ ...heatCell(r, of[0], null, null, control, control === "closed-book" ? () => [0.92, 0.92, 0.92] : colours), wide: r.lengths.length }]
      : r.lengths.map((n) => heatCell(r, of.find((c) => c.context_length === n), n, null, control, colours));
    rows.push({ name: control, cells });
  }
  const chosen = (c) => state.cell && state.cell.length === c.length && state.cell.depth === c.depth && state.cell.control === c.control;
  const name = `${r.title}: share found by context length (across) and depth of ${r.depth_of} (down)`;
  return gridOf(r.lengths, rows, { name, digits, chosen: open === openCell && chosen, open });
}

function heatSection(r) {
  const again = () => byId("heat").replaceChildren(heatmap(r));
  const toggle = (key, label) => {
    const button = h("button", { "aria-pressed": String(state[key]), onclick: () => {
      state[key] = !state[key];
      button.setAttribute("aria-pressed", String(state[key]));
      again();
    } }, label);
    return button;
  };
  const scale = [0, 0.5, 1].map((v) => {
    const swatch = h("i");
    swatch.style.backgroundColor = css(colourMap(data.colours)(v));
    return h("span", {}, swatch, percent(v));
  });
  const marks = [r.effective && `line: effective length ${lengthName(r.effective)}`, r.claimed && `dashed: claimed ${lengthName(r.claimed)}`];
  return h("section", { "aria-label": "Heatmap" },
    h("h2", {}, "Every cell"),
    h("div", { class: "tools" }, toggle("digits", "values"), toggle("viridis", "viridis colours"),
      h("p", {}, "arrows move, Enter lists a cell's trials")),
    h("div", { class: "scroll", id: "heat" }, heatmap(r)),
    h("div", { class: "key" }, state.viridis ? null : scale, h("span", {}, h("i", { class: "none" }), "no score, with the reason"),
      marks.filter(Boolean).map((m) => h("span", {}, m)), h("span", {}, `across: context length in tokens; down: depth of ${r.depth_of}`)));
}
