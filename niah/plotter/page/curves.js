// Curves: the share found by length and depth with intervals, times, cost; each with its table.

const TONES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07500", "#2E8FC4", "#808080"]; // Okabe and Ito 2008

/** A chart of series of points {x, y, low, high}; x are places named by `names`. */
function chart({ title, series, names, percentages, unit = percent, limit }) {
  const [wide, high, left, top, foot] = [innerWidth < 600 ? 330 : 520, 230, 62, 12, 26];
  const values = series.flatMap((s) => s.points.flatMap((p) => [p.y, p.high ?? p.y]));
  if (!values.length) return null;
  const most = percentages ? 1 : Math.max(...values) * 1.1 || 1;
  const x = (i) => left + 24 + ((wide - left - 48) * i) / Math.max(1, names.length - 1);
  const y = (v) => top + (high - top - foot) * (1 - v / most);
  const line = (x1, x2, y1, y2, style, ...inside) => h("line", { x1, x2, y1, y2, ...style }, ...inside);
  const step = Math.ceil(names.length / (wide / 50));
  const drawn = series.map((s, i) => {
    const stroke = TONES[i % TONES.length], dodge = (i - (series.length - 1) / 2) * 7;
    const points = s.points.map((p) => [x(p.x) + dodge, y(p.y), p]);
    return [h("polyline", { points: points.map(([a, b]) => `${a},${b}`).join(" "), fill: "none", stroke, "stroke-width": 2, "stroke-dasharray": s.dashed && "5 4" }),
      points.map(([a, b, p]) => [there(p.low) && line(a, a, y(p.low), y(p.high), { stroke, "stroke-width": 1.5 }),
        h("circle", { cx: a, cy: b, r: 3.5, fill: stroke }, h("title", `${s.name}, ${names[p.x]}: ${unit(p.y)}`))])];
  });
  const svg = h("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `${title}; the table below holds the figures` },
    [0, 0.5, 1].map((share) => [line(left, wide, y(share * most), y(share * most), { class: "axis" }), h("text", { x: left - 6, y: y(share * most) + 4, "text-anchor": "end" }, unit(share * most))]),
    limit && line(left, wide, y(limit), y(limit), { stroke: "currentColor", "stroke-dasharray": "4 3", opacity: 0.5 }, h("title", `${percent(limit)}: counts as reliable`)),
    names.map((n, i) => i % step === 0 && h("text", { x: x(i), y: high - 8, "text-anchor": "middle" }, n)), drawn);
  const said = (p) => (p ? `${unit(p.y)}${p.n ? ` (n = ${count(p.n)}${there(p.low) ? `, ${interval(p)}` : ""})` : ""}` : "");
  return h("figure", h("figcaption", title), svg,
    series.length > 1 && h("div", { class: "key" }, series.map((s, i) => h("span", swatch(TONES[i % TONES.length]), s.name))),
    h("details", h("summary", "figures"), table(["", ...series.map((s) => s.name)], names.map((n, i) => [n, ...series.map((s) => said(s.points.find((p) => p.x === i)))]))));
}

function curveSection(runs) {
  const lengths = [...new Set(runs.flatMap((r) => r.lengths))].sort((a, b) => a - b), bands = ["head", "middle", "tail"];
  const names = lengths.map(lengthName);
  const by = (r, key, whole) => r.by_length.filter((p) => there(p[key])).map((p) => ({ ...(whole && p), x: lengths.indexOf(p.length), y: p[key] }));
  const of = (key) => runs.map((r) => ({ name: r.title, points: by(r, key) })).filter((s) => s.points.length);
  const searched = runs.map((r) => by(r, "search")).find((points) => points.length);
  return h("section", { "aria-label": "Curves" }, h("h2", "Curves"), h("div", { class: "charts" },
    chart({ title: "Found by length, with 95 % interval", percentages: true, names, limit: runs[0].threshold, series: [
      ...runs.map((r) => ({ name: r.title, points: by(r, "mean", true) })),
      ...(searched ? [{ name: "search, which only looks for words", dashed: true, points: searched }] : [])] }),
    chart({ title: "Found by depth: first fifth, middle, last fifth", percentages: true, names: bands, series: runs.map((r) => ({ name: r.title,
      points: r.by_band.filter((b) => there(b.mean)).map((b) => ({ ...b, x: bands.indexOf(b.band), y: b.mean })) })) }),
    chart({ title: "Time to the first token (median)", names, unit: seconds, series: of("first_s") }),
    chart({ title: "Cost by length", names, unit: dollars, series: of("dollars") })));
}
