// Several runs: a table of all, the difference of each with the first, trials that changed, and shares by date.

function overview(runs) {
  const head = ["run", "model", "task", "found", "n", "95 % interval", "effective", "claimed", "date"];
  const rows = runs.map((r, i) => h("tr", {},
    h("th", { scope: "row" }, h("button", { "aria-current": String(i === state.run), onclick: () => show(i) }, r.name)),
    h("td", {}, r.title, r.kind === "measured" ? "" : [" ", h("span", { class: `chip ${r.kind}` }, r.kind)]), h("td", {}, r.task),
    h("td", {}, r.whole.mean === null ? "-" : percent(r.whole.mean)), h("td", {}, count(r.whole.n)), h("td", {}, interval(r.whole)),
    h("td", {}, r.effective ? lengthName(r.effective) : "none"), h("td", {}, r.claimed ? lengthName(r.claimed) : "-"), h("td", {}, r.date.slice(0, 10))));
  return h("section", { "aria-label": "Runs" }, h("h2", {}, `${runs.length} runs`),
    h("div", { class: "scroll", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, head.map((n) => h("th", { scope: "col" }, n)))), h("tbody", {}, rows))),
    byDate(runs),
    h("div", { class: "charts" }, runs.slice(0, 6).map((r, i) => h("figure", {}, h("figcaption", {}, `${r.name}: ${percent(r.whole.mean ?? undefined)}`),
      h("div", { class: "scroll" }, heatmap(r, (c) => { show(i); openCell(c); }, false))))));
}

/** Runs of one model and recipe by date. */
function byDate(runs) {
  const series = runs.filter((r) => r.model === run().model && r.task === run().task && r.whole.mean !== null).sort((a, b) => (a.date < b.date ? -1 : 1));
  if (series.length < 3) return null;
  const points = series.map((r, i) => ({ x: i, y: r.whole.mean, low: r.whole.low, high: r.whole.high, n: r.whole.n }));
  return chart({ title: `${run().model} by date`, percentages: true, names: series.map((r) => r.date.slice(0, 10)), series: [{ name: run().model, points }] });
}

function differenceSection(runs) {
  if (state.run === 0 || !data.comparisons.length) return null;
  const c = data.comparisons[state.run - 1], [before, after] = [runs[0], run()];
  const head = h("h2", {}, `${after.name} minus ${before.name}`);
  if (typeof c === "string") return h("section", {}, head, h("p", { class: "warnings" }, `no test: ${c}`));
  const colours = colourMap(RED_BLUE), sure = (cell) => cell.p !== undefined && cell.p <= 0.05;
  const at = new Map(c.cells.map((cell) => [`${cell.context_length}/${cell.depth_percent}`, cell]));
  const cells = (d) => after.lengths.map((n) => {
    const cell = at.get(`${n}/${d}`) || {}, change = cell.change;
    const said = change === undefined ? "no pair" : `${change > 0 ? "+" : ""}${Number((100 * change).toPrecision(3))} points, n = ${cell.n}, p = ${Number(cell.p.toPrecision(2))} after Holm`;
    return { length: n, depth: d, control: null, value: change, colour: change === undefined ? null : colours((change + 1) / 2), sure: sure(cell),
      label: change === undefined ? "" : change === 0 ? "0" : `${change > 0 ? "+" : "−"}${shortValue(Math.abs(change))}`, words: `${lengthName(n)} tokens, depth ${d} %\n${said}` };
  });
  const grid = gridOf(after.lengths, after.depths.map((d) => ({ name: `${d} %`, cells: cells(d) })), { name: "Change in the share found", digits: true, open: openCell });
  return h("section", { "aria-label": "Difference" }, head, h("p", {}, c.said), [...c.bands, ...c.notes].map((n) => h("p", {}, n)), h("div", { class: "scroll" }, grid),
    h("div", { class: "key" }, h("span", {}, "blue: gained, red: lost"), h("span", {}, "framed: more than chance would do, at 5 % over all cells")), flips(before, after));
}

function flips(before, after) {
  const old = new Map(before.trials.map((t) => [t.id, t]));
  const changed = after.trials.map((t) => [old.get(t.id), t]).filter(([o, t]) => o && o.score !== undefined && t.score !== undefined && o.score !== t.score);
  const list = (name, some) => h("details", {}, h("summary", {}, `${some.length} ${name}`), some.slice(0, 200).map(([o, t]) => h("div", {},
    h("h3", {}, h("a", { href: address({ trial: t.id }), onclick: (e) => { e.preventDefault(); openTrial(t.id); } }, place(t)), ` expected ${t.expected}`),
    h("div", { class: "pair" }, [o, t].map((one, i) => h("div", {}, h("p", {}, `${i ? after.name : before.name}: ${verdict(one)}`), h("pre", { dir: "auto", tabindex: "0" }, seen((one.answer || "").slice(0, 600)))))))),
    some.length > 200 ? h("p", {}, `and ${some.length - 200} more`) : null);
  return [list("lost", changed.filter(([o, t]) => t.score < o.score)), list("gained", changed.filter(([o, t]) => t.score > o.score))];
}
