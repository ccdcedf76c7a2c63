// Several runs: all in a table, each minus the first, trials that changed, and shares by date.

function overview(runs) {
  const head = ["run", "model", "task", "found", "n", "95 % interval", "effective", "claimed",
    "date"];
  const rows = runs.map((r, i) => [
    h("button", { "aria-current": String(i === state.run), onclick: () => show(i) }, r.name),
    [r.title, " ", r.kind !== "measured" && h("span", { class: `chip ${r.kind}` }, r.kind)],
    r.task, r.whole.mean === null ? "-" : percent(r.whole.mean), count(r.whole.n),
    interval(r.whole), r.effective ? lengthName(r.effective) : "none",
    r.claimed ? lengthName(r.claimed) : "-", r.date.slice(0, 10),
  ]);
  const small = (r, i) => {
    const open = (c) => {
      show(i);
      openCell(c);
    };
    return h("figure", h("figcaption", `${r.name}: ${percent(r.whole.mean)}`),
      h("div", { class: "scroll" }, heatmap(r, open, false)));
  };
  const told = data.history.join("\n");
  return h("section", { "aria-label": "Runs" }, h("h2", `${runs.length} runs`), table(head, rows),
    byDate(runs), told !== "" && h("pre", { class: "code", tabindex: "0" }, told),
    h("div", { class: "charts" }, runs.slice(0, 6).map(small)));
}

/** Runs of one model and recipe by date. */
function byDate(runs) {
  const { model, task } = run();
  const same = runs.filter((r) => r.model === model && r.task === task && r.whole.mean !== null);
  if (same.length < 3) return null;
  same.sort((a, b) => (a.date < b.date ? -1 : 1));
  const points = same.map(({ whole }, x) => ({ x, y: whole.mean, ...whole }));
  const names = same.map((r) => r.date.slice(0, 10)), series = [{ name: model, points }];
  return chart({ title: `${model} by date`, percentages: true, names, series });
}

function differenceSection(runs) {
  if (state.run === 0 || !data.comparisons.length) return null;
  const c = data.comparisons[state.run - 1], [before, after] = [runs[0], run()];
  const head = h("h2", `${after.name} minus ${before.name}`);
  if (typeof c === "string")
    return h("section", head, h("p", { class: "warnings" }, `no test: ${c}`));
  const at = new Map(c.cells.map((cell) => [`${cell.context_length}/${cell.depth_percent}`, cell]));
  const cells = (depth) => after.lengths.map((n) => changeCell(n, depth, at.get(`${n}/${depth}`)));
  const rows = after.depths.map((depth) => ({ name: `${depth} %`, cells: cells(depth) }));
  const grid = { name: "Change in the share found", digits: true, open: openCell };
  return h("section", { "aria-label": "Difference" }, head,
    [c.said, ...c.bands, ...c.notes].map((line) => h("p", line)),
    h("div", { class: "scroll" }, gridOf(after.lengths, rows, grid)),
    h("div", { class: "key" }, h("span", "blue: gained, red: lost"),
      h("span", "framed: more than chance would do, at 5 % over all cells")),
    flips(before, after));
}

function changeCell(length, depth, { change: value, n, p } = {}) {
  const cell = { length, depth, control: null, value, sure: p <= 0.05 }, where = place(cell);
  if (value === undefined) return { ...cell, colour: null, label: "", words: `${where}\nno pair` };
  const points = `${value > 0 ? "+" : ""}${short(100 * value)} points`;
  const label = value === 0 ? "0" : `${value > 0 ? "+" : "−"}${shortValue(Math.abs(value))}`;
  return { ...cell, label, colour: colourMap(RED_BLUE)((value + 1) / 2),
    words: `${where}\n${points}, n = ${n}, p = ${short(p, 2)} after Holm` };
}

function flips(before, after) {
  const old = new Map(before.trials.map((t) => [t.id, t]));
  const pairs = after.trials.map((t) => [old.get(t.id), t])
    .filter(([o, t]) => o && o.score !== undefined && t.score !== undefined);
  const answer = (run, t) => h("div", h("p", `${run.name}: ${verdict(t)}`),
    block((t.answer || "").slice(0, 600)));
  const pair = ([o, t]) => {
    const onclick = (e) => {
      e.preventDefault();
      openTrial(t.id);
    };
    const link = h("a", { href: address({ trial: t.id }), onclick }, place(t));
    return h("div", h("h3", link, ` expected ${t.expected}`),
      h("div", { class: "pair" }, answer(before, o), answer(after, t)));
  };
  const list = (name, some) => h("details", h("summary", `${some.length} ${name}`),
    some.slice(0, 200).map(pair), some.length > 200 && h("p", `and ${some.length - 200} more`));
  return [list("lost", pairs.filter(([o, t]) => t.score < o.score)),
    list("gained", pairs.filter(([o, t]) => t.score > o.score))];
}
