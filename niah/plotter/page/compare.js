// Several runs: a table of all, the difference of each with the first, trials that changed, and shares by date.

function overview(runs) {
  const rows = runs.map((r, i) => [h("button", { "aria-current": String(i === state.run), onclick: () => show(i) }, r.name),
    [r.title, " ", r.kind !== "measured" && h("span", { class: `chip ${r.kind}` }, r.kind)], r.task, r.whole.mean === null ? "-" : percent(r.whole.mean), count(r.whole.n),
    interval(r.whole), r.effective ? lengthName(r.effective) : "none", r.claimed ? lengthName(r.claimed) : "-", r.date.slice(0, 10)]);
  return h("section", { "aria-label": "Runs" }, h("h2", `${runs.length} runs`),
    table(["run", "model", "task", "found", "n", "95 % interval", "effective", "claimed", "date"], rows),
    byDate(runs), data.history.length > 0 && h("pre", { class: "code", tabindex: "0" }, data.history.join("\n")),
    h("div", { class: "charts" }, runs.slice(0, 6).map((r, i) => h("figure", h("figcaption", `${r.name}: ${percent(r.whole.mean)}`),
      h("div", { class: "scroll" }, heatmap(r, (c) => { show(i); openCell(c); }, false))))));
}

/** Runs of one model and recipe by date. */
function byDate(runs) {
  const { model, task } = run();
  const series = runs.filter((r) => r.model === model && r.task === task && r.whole.mean !== null).sort((a, b) => (a.date < b.date ? -1 : 1));
  if (series.length < 3) return null;
  const points = series.map(({ whole }, x) => ({ x, y: whole.mean, ...whole }));
  return chart({ title: `${model} by date`, percentages: true, names: series.map((r) => r.date.slice(0, 10)), series: [{ name: model, points }] });
}

function differenceSection(runs) {
  if (state.run === 0 || !data.comparisons.length) return null;
  const c = data.comparisons[state.run - 1], [before, after] = [runs[0], run()];
  const head = h("h2", `${after.name} minus ${before.name}`);
  if (typeof c === "string") return h("section", head, h("p", { class: "warnings" }, `no test: ${c}`));
  const colours = colourMap(RED_BLUE), at = new Map(c.cells.map((cell) => [`${cell.context_length}/${cell.depth_percent}`, cell]));
  const cellAt = (length, depth) => {
    const { change: value, n, p } = at.get(`${length}/${depth}`) || {}, none = value === undefined;
    const said = none ? "no pair" : `${value > 0 ? "+" : ""}${short(100 * value)} points, n = ${n}, p = ${short(p, 2)} after Holm`;
    return { length, depth, control: null, value, colour: none ? null : colours((value + 1) / 2), sure: p <= 0.05,
      label: none ? "" : value === 0 ? "0" : `${value > 0 ? "+" : "−"}${shortValue(Math.abs(value))}`, words: `${place({ length, depth })}\n${said}` };
  };
  const rows = after.depths.map((d) => ({ name: `${d} %`, cells: after.lengths.map((n) => cellAt(n, d)) }));
  return h("section", { "aria-label": "Difference" }, head, [c.said, ...c.bands, ...c.notes].map((line) => h("p", line)),
    h("div", { class: "scroll" }, gridOf(after.lengths, rows, { name: "Change in the share found", digits: true, open: openCell })),
    h("div", { class: "key" }, h("span", "blue: gained, red: lost"), h("span", "framed: more than chance would do, at 5 % over all cells")), flips(before, after));
}

function flips(before, after) {
  const old = new Map(before.trials.map((t) => [t.id, t]));
  const changed = after.trials.map((t) => [old.get(t.id), t]).filter(([o, t]) => o && o.score !== undefined && t.score !== undefined && o.score !== t.score);
  const list = (name, some) => h("details", h("summary", `${some.length} ${name}`), some.slice(0, 200).map(([o, t]) => h("div",
    h("h3", h("a", { href: address({ trial: t.id }), onclick: (e) => { e.preventDefault(); openTrial(t.id); } }, place(t)), ` expected ${t.expected}`),
    h("div", { class: "pair" }, [o, t].map((one, i) => h("div", h("p", `${i ? after.name : before.name}: ${verdict(one)}`), block((one.answer || "").slice(0, 600))))))),
    some.length > 200 && h("p", `and ${some.length - 200} more`));
  return [list("lost", changed.filter(([o, t]) => t.score < o.score)), list("gained", changed.filter(([o, t]) => t.score > o.score))];
}
