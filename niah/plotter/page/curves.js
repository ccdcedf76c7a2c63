// Curves: the share found by length and depth with intervals, times, cost; each with its table.

// Okabe and Ito 2008
const TONES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07500", "#2E8FC4", "#808080"];

/** A chart of series of points {x, y, low, high}; x are places named by `names`. */
function chart({ title, series, names, percentages, unit = percent, limit }) {
  const [wide, high, left, top, foot] = [innerWidth < 600 ? 330 : 520, 230, 62, 12, 26];
  const values = series.flatMap((s) => s.points.flatMap((p) => [p.y, p.high ?? p.y]));
  if (!values.length) return null;
  const most = percentages ? 1 : Math.max(...values) * 1.1 || 1;
  const x = (i) => left + 24 + ((wide - left - 48) * i) / Math.max(1, names.length - 1);
  const y = (v) => top + (high - top - foot) * (1 - v / most);
  const line = (x1, x2, y1, y2, style, ...inside) =>
    h("line", { x1, x2, y1, y2, ...style }, ...inside);
  const step = Math.ceil(names.length / (wide / 50)), tone = (i) => TONES[i % TONES.length];
  const curve = (s, i) => {
    const stroke = tone(i), dodge = (i - (series.length - 1) / 2) * 7;
    const points = s.points.map((p) => `${x(p.x) + dodge},${y(p.y)}`).join(" ");
    const thick = { stroke, "stroke-width": 2, "stroke-dasharray": s.dashed && "5 4" };
    const mark = (p) => {
      const cx = x(p.x) + dodge, thin = { stroke, "stroke-width": 1.5 };
      return [there(p.low) && line(cx, cx, y(p.low), y(p.high), thin),
        h("circle", { cx, cy: y(p.y), r: 3.5, fill: stroke },
          h("title", `${s.name}, ${names[p.x]}: ${unit(p.y)}`))];
    };
    return [h("polyline", { points, fill: "none", ...thick }), s.points.map(mark)];
  };
  const level = (value) => [line(left, wide, y(value), y(value), { class: "axis" }),
    h("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, unit(value))];
  const dashes = { stroke: "currentColor", "stroke-dasharray": "4 3", opacity: 0.5 };
  const label = `${title}; the table below holds the figures`;
  const svg = h("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label },
    [0, 0.5, 1].map((share) => level(share * most)),
    limit && line(left, wide, y(limit), y(limit), dashes,
      h("title", `${percent(limit)}: counts as reliable`)),
    names.map((name, i) =>
      i % step === 0 && h("text", { x: x(i), y: high - 8, "text-anchor": "middle" }, name)),
    series.map(curve));
  const said = (p) => {
    if (!p) return "";
    return unit(p.y) + (p.n ? ` (n = ${count(p.n)}${there(p.low) ? `, ${interval(p)}` : ""})` : "");
  };
  const figures = (i) => series.map((s) => said(s.points.find((p) => p.x === i)));
  const rows = names.map((name, i) => [name, ...figures(i)]);
  return h("figure", h("figcaption", title), svg,
    series.length > 1 && h("div", { class: "key" },
      series.map((s, i) => h("span", swatch(tone(i)), s.name))),
    h("details", h("summary", "figures"), table(["", ...series.map((s) => s.name)], rows)));
}

function curveSection(runs) {
  const lengths = [...new Set(runs.flatMap((r) => r.lengths))].sort((a, b) => a - b);
  const names = lengths.map(lengthName), bands = ["head", "middle", "tail"];
  const by = (r, key, whole) => r.by_length.filter((p) => there(p[key]))
    .map((p) => ({ ...(whole && p), x: lengths.indexOf(p.length), y: p[key] }));
  const of = (key) => runs.map((r) => ({ name: r.title, points: by(r, key) }))
    .filter((s) => s.points.length);
  const found = runs.map((r) => ({ name: r.title, points: by(r, "mean", true) }));
  const searched = runs.map((r) => by(r, "search")).find((points) => points.length);
  const search = { name: "search, which only looks for words", dashed: true, points: searched };
  const byBand = runs.map((r) => ({ name: r.title, points: r.by_band.filter((b) => there(b.mean))
    .map((b) => ({ ...b, x: bands.indexOf(b.band), y: b.mean })) }));
  return h("section", { "aria-label": "Curves" }, h("h2", "Curves"), h("div", { class: "charts" },
    chart({ title: "Found by length, with 95 % interval", percentages: true, names,
      limit: runs[0].threshold, series: searched ? [...found, search] : found }),
    chart({ title: "Found by depth: first fifth, middle, last fifth", percentages: true,
      names: bands, series: byBand }),
    chart({
      title: "Time to the first token (median)", names, unit: seconds, series: of("first_s"),
    }),
    chart({ title: "Cost by length", names, unit: dollars, series: of("dollars") })));
}
