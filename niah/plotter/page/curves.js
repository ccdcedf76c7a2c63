// Curves: the share found by length and depth with intervals, times, cost; each with its table.

const TONES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07500", "#2E8FC4", "#808080"]; // Okabe and Ito 2008

/** A chart of series of points {x, y, low, high}; x are places named by `names`. */
function chart({ title, series, names, percentages, unit, limit }) {
  const [wide, high, left, top, foot] = [innerWidth < 600 ? 330 : 520, 230, 62, 12, 26];
  const values = series.flatMap((s) => s.points.flatMap((p) => [p.y, p.high ?? p.y]));
  if (!values.length) return null;
  const most = percentages ? 1 : Math.max(...values) * 1.1 || 1;
  const x = (i) => left + 24 + ((wide - left - 48) * i) / Math.max(1, names.length - 1);
  const y = (v) => top + (high - top - foot) * (1 - v / most);
  const svg = h("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `${title}; the table below holds the figures` });
  for (const share of [0, 0.5, 1]) {
    const v = share * most;
    svg.append(h("line", { class: "axis", x1: left, x2: wide, y1: y(v), y2: y(v) }),
      h("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, percentages ? percent(v) : unit(v)));
  }
  if (limit) svg.append(h("line", { x1: left, x2: wide, y1: y(limit), y2: y(limit), stroke: "currentColor", "stroke-dasharray": "4 3", opacity: 0.5 }, h("title", {}, `${percent(limit)}: counts as reliable`)));
  const step = Math.ceil(names.length / (wide / 50));
  names.forEach((n, i) => i % step || svg.append(h("text", { x: x(i), y: high - 8, "text-anchor": "middle" }, n)));
  series.forEach((s, i) => {
    const tone = TONES[i % TONES.length], dodge = (i - (series.length - 1) / 2) * 7;
    const points = s.points.map((p) => [x(p.x) + dodge, y(p.y), p]);
    svg.append(h("polyline", { points: points.map(([a, b]) => `${a},${b}`).join(" "), fill: "none", stroke: tone, "stroke-width": 2, "stroke-dasharray": s.dashed ? "5 4" : null }));
    for (const [a, b, p] of points) {
      if (p.low !== undefined && p.low !== null) svg.append(h("line", { x1: a, x2: a, y1: y(p.low), y2: y(p.high), stroke: tone, "stroke-width": 1.5 }));
      svg.append(h("circle", { cx: a, cy: b, r: 3.5, fill: tone }, h("title", {}, `${s.name}, ${names[p.x]}: ${percentages ? percent(p.y) : unit(p.y)}`)));
    }
  });
  const key = series.length > 1 ? h("div", { class: "key" }, series.map((s, i) => {
    const swatch = h("i");
    swatch.style.backgroundColor = TONES[i % TONES.length];
    return h("span", {}, swatch, s.name);
  })) : null;
  return h("figure", {}, h("figcaption", {}, title), svg, key, h("details", {}, h("summary", {}, "figures"), h("div", { class: "scroll", tabindex: "0" }, chartTable(series, names, percentages ? null : unit))));
}

function chartTable(series, names, unit) {
  const said = (p) => (p === undefined ? "" : unit ? unit(p.y) : `${percent(p.y)}${p.n ? ` (n = ${count(p.n)}${p.low === undefined ? "" : `, ${interval({ low: p.low, high: p.high })}`})` : ""}`);
  return h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), series.map((s) => h("th", { scope: "col" }, s.name)))),
    h("tbody", {}, names.map((n, i) => h("tr", {}, h("th", { scope: "row" }, n), series.map((s) => h("td", {}, said(s.points.find((p) => p.x === i))))))));
}

function curveSection(runs) {
  const lengths = [...new Set(runs.flatMap((r) => r.lengths))].sort((a, b) => a - b);
  const names = lengths.map(lengthName);
  const by = (r, key) => r.by_length.filter((p) => p[key] !== undefined && p[key] !== null).map((p) => ({ ...p, x: lengths.indexOf(p.length), y: p[key] }));
  const bare = (points) => points.map(({ x, y }) => ({ x, y }));
  const searched = runs.filter((r) => r.by_length.some((p) => p.search !== undefined)).slice(0, 1);
  const bands = ["head", "middle", "tail"];
  const charts = [
    chart({ title: "Found by length, with 95 % interval", percentages: true, names, limit: runs[0].threshold, series: [
      ...runs.map((r) => ({ name: r.title, points: by(r, "mean") })),
      ...searched.map((r) => ({ name: "search, which only looks for words", dashed: true, points: bare(by(r, "search")) }))] }),
    chart({ title: "Found by depth: first fifth, middle, last fifth", percentages: true, names: bands, series: runs.map((r) => ({ name: r.title,
      points: r.by_band.filter((b) => b.mean !== undefined).map((b) => ({ ...b, x: bands.indexOf(b.band), y: b.mean })) })) }),
    chart({ title: "Time to the first token (median)", names, unit: seconds, series: runs.map((r) => ({ name: r.title, points: bare(by(r, "first_s")) })).filter((s) => s.points.length) }),
    chart({ title: "Cost by length", names, unit: dollars, series: runs.map((r) => ({ name: r.title, points: bare(by(r, "dollars")) })).filter((s) => s.points.length) }),
  ];
  return h("section", { "aria-label": "Curves" }, h("h2", {}, "Curves"), h("div", { class: "charts" }, charts));
}
