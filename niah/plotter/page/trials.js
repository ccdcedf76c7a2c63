// The trials: filters, the list, and one trial with its needle where it stands.

const words = new WeakMap(); // of a trial, folded, to be searched

function matches(t, f) {
  const right = t.score === 1;
  if (f.outcome && (f.outcome === "right" ? !right : f.outcome === "wrong" ? t.score === undefined || right : t.outcome !== f.outcome)) return false;
  if (f.class && t.class !== f.class) return false;
  if (f.control && (t.control || "none") !== f.control) return false;
  if ((f.from && t.length < f.from) || (f.to && t.length > f.to)) return false;
  const c = state.cell;
  if (c && ((c.length !== null && c.length && c.length !== t.length) || (c.control || null) !== (t.control || null) || (!c.control && c.depth !== t.depth))) return false;
  if (!f.q) return true;
  if (!words.has(t)) words.set(t, [t.id, t.answer, t.question, t.expected, t.needle, t.why, t.error].join("\n").toLowerCase());
  return words.get(t).includes(f.q.toLowerCase());
}
const chosenTrials = () => run().trials.filter((t) => matches(t, state.filters));

function openCell(c) {
  state.cell = { length: c.length, depth: c.depth ?? null, control: c.control || null };
  refilter();
  for (const cell of document.querySelectorAll("#heat .cell"))
    cell.classList.toggle("chosen", cell.of.length === c.length && cell.of.depth === c.depth && cell.of.control === c.control);
  byId("trials").scrollIntoView({ block: "start" });
  const first = document.querySelector("#list a");
  if (first) first.focus({ preventScroll: true });
}

function refilter() {
  state.shown = FIRST;
  keepAddress();
  drawList();
}

function drawList() {
  const all = chosenTrials(), shown = all.slice(0, state.shown);
  byId("list").replaceChildren(...shown.map(row));
  byId("count").textContent = `${count(all.length)} of ${count(run().trials.length)} trials`;
  byId("more").hidden = all.length <= shown.length;
  byId("more").textContent = `show ${Math.min(4 * FIRST, all.length - shown.length)} more`;
  byId("uncell").hidden = !state.cell;
  if (state.cell) byId("uncell").textContent = `cell ${place({ length: state.cell.length || run().lengths[0], depth: state.cell.depth, control: state.cell.control })} ×`;
}

function row(t) {
  const tone = t.score === 1 ? "right" : t.score === undefined ? "" : "wrong";
  const said = t.answer === undefined ? t.error || "" : t.answer.slice(0, 160);
  return h("li", {}, h("a", { href: address({ trial: t.id }), "data-id": t.id },
    h("span", {}, lengthName(t.length)), h("span", {}, t.control || `depth ${t.depth} %`),
    h("span", { class: tone }, verdict(t), t.mark ? ` · ${t.mark.mark}` : ""), h("span", { dir: "auto" }, seen(said))));
}

function choice(key, label, options) {
  const select = h("select", { "data-filter": key, onchange: () => {
    if (select.value) state.filters[key] = select.value;
    else delete state.filters[key];
    refilter();
  } }, h("option", { value: "" }, "all"), options.map(([value, name]) => h("option", { value, selected: state.filters[key] === String(value) }, name)));
  return h("label", {}, label, select);
}

function trialSection(r) {
  const of = (key) => [...new Set(r.trials.map((t) => t[key]).filter((v) => v !== undefined))].sort();
  const outcomes = of("outcome").filter((o) => o !== "scored").map((o) => [o, o]);
  const lengths = r.lengths.map((n) => [n, lengthName(n)]);
  const controls = of("control").map((c) => [c, c]);
  const search = h("input", { type: "search", value: state.filters.q || "", "data-filter": "q", oninput: () => {
    if (search.value) state.filters.q = search.value;
    else delete state.filters.q;
    refilter();
  } });
  return h("section", { id: "trials", "aria-label": "Trials" },
    h("h2", {}, "Every trial"),
    r.left_out && h("p", { class: "warnings" }, r.left_out), r.not_built && h("p", {}, r.not_built),
    h("div", { class: "filters" },
      choice("outcome", "outcome", [["wrong", "wrong"], ["right", "right"], ...outcomes]),
      choice("class", "kind of answer", of("class").map((c) => [c, c])),
      controls.length ? choice("control", "control", [["none", "no control"], ...controls]) : null,
      choice("from", "from length", lengths), choice("to", "up to length", lengths),
      h("label", {}, "search in answers, questions, ids", search)),
    h("div", { class: "tools" }, h("span", { id: "count", "aria-live": "polite" }),
      h("button", { id: "uncell", hidden: true, "aria-label": "show all cells", onclick: () => {
        state.cell = null;
        for (const cell of document.querySelectorAll(".chosen")) cell.classList.remove("chosen");
        refilter();
      } })),
    h("ol", { class: "list", id: "list", onclick: (e) => {
      const link = e.target.closest("a");
      if (!link || e.ctrlKey || e.metaKey) return;
      e.preventDefault();
      openTrial(link.dataset.id);
    } }),
    h("button", { id: "more", onclick: () => { state.shown += 4 * FIRST; drawList(); } }));
}

/** Where needles lie in the whole text, and how much of it the server says to have read. */
function strip(t) {
  if (!t.places.length) return null;
  const [wide, left] = [700, 10];
  const x = (share) => left + (wide - 2 * left) * share;
  const marks = t.places.map(([percentage, key, kind], i) => {
    const asked = i === 0;
    const title = h("title", {}, `${asked ? "asked about" : kind || "planted"}: ${key}, at ${percentage.toFixed(1)} %`);
    return asked ? h("path", { d: `M${x(percentage / 100)} 36 l-7 12 h14 z M${x(percentage / 100) - 1} 8 h2 v28 h-2 z`, fill: "currentColor" }, title)
      : h("rect", { x: x(percentage / 100) - 1.5, y: 10, width: 3, height: 24, fill: kind === "right" ? "var(--good)" : "var(--bad)" }, title);
  });
  const unique = t.unique !== undefined && t.unique < 0.995 ? h("line", { x1: x(t.unique), x2: x(t.unique), y1: 8, y2: 36, stroke: "currentColor", "stroke-dasharray": "2 3" },
    h("title", {}, "from here on the text repeats")) : null;
  const short = t.counted !== undefined && t.expected_count && t.counted < 0.98 * t.expected_count;
  const cut = short ? [h("rect", { x: x(0), y: 50, width: (wide - 2 * left) * t.counted / t.expected_count, height: 5, fill: "var(--bad)" }),
    h("text", { x: x(0), y: 70 }, `the server counted ${count(t.counted)} of ${count(t.expected_count)} tokens: the rest was cut`)] : null;
  const names = `needle at ${t.places[0][0].toFixed(1)} %` + (t.places.length > 1 ? `, ${t.places.length - 1} other planted lines at ${t.places.slice(1).map((p) => p[0].toFixed(0)).join(", ")} %` : "");
  return h("figure", {}, h("svg", { viewBox: `0 0 ${wide} ${short ? 76 : 52}`, role: "img", "aria-label": `The whole text as a strip: ${names}` },
    h("rect", { x: left, y: 12, width: wide - 2 * left, height: 20, fill: "var(--soft)", stroke: "var(--line)" }), unique, marks, cut),
    h("p", {}, names, t.unique < 0.995 ? "; dashed: from here on the text repeats" : ""));
}

function inPlace(t) {
  if (t.needle === undefined) return null;
  if (!t.needle) return h("p", {}, "This prompt holds no needle in one piece.");
  const language = /[\u4e00-\u9fff]/.test(t.needle) ? "zh" : null;
  return [h("h3", {}, "The needle where it stands"),
    h("div", { class: "text", lang: language, dir: "auto", tabindex: "0" }, "… ", seen(t.before), h("mark", {}, seen(t.needle)), seen(t.after), " …"),
    h("p", {}, "Built again from the recipe; its digest is that of the prompt that was sent.")];
}

const fact = (name, value) => (value === undefined || value === null ? null : h("div", {}, h("span", {}, `${name} `), value));

function trialBody(t) {
  const opinions = Object.entries(t.judges || {}).map(([judge, v]) => `judge ${judge}: ${v === 1 ? "right" : "wrong"}`);
  if (t.mark) opinions.push(`marked ${t.mark.mark} by ${t.mark.who}, ${t.mark.when.slice(0, 10)}`);
  const cut = t.signs ? h("p", {}, `The first ${count(t.answer.length)} of ${count(t.signs)} characters; all of them: niah show ${run().name} ${t.id}`) : null;
  const block = (title, text) => [h("h3", {}, title), h("pre", { dir: "auto", tabindex: "0" }, seen(text))];
  return [
    h("div", { class: "facts" }, fact("score", t.score === undefined ? `none (${t.outcome})` : String(t.score)), fact("answer is", t.class),
      fact("why", t.why && seen(t.why)), fact("parts", t.parts && Object.entries(t.parts).map(([k, v]) => `${k} ${percent(v)}`).join(", ")),
      opinions.map((o) => h("div", {}, seen(o)))),
    t.error ? block("Error", t.error) : null,
    t.question ? block("Question", t.question) : null, block("Expected", t.expected),
    t.answer === undefined ? null : block("Answer", t.answer), cut, inPlace(t), strip(t),
    h("div", { class: "facts" }, fact("asked depth", `${t.depth} %`), fact("actual depth", t.actual === undefined ? undefined : `${t.actual.toFixed(3)} %`),
      fact("prompt", `${count(t.tokens)} tokens`), fact("counted by the server", t.counted && `${count(t.counted)} tokens`), fact("from cache", t.cached && count(t.cached)),
      fact("answer", t.output && `${count(t.output)} tokens`), fact("first token", t.first_s && seconds(t.first_s)), fact("whole", t.total_s && seconds(t.total_s)),
      fact("attempts", t.attempts), fact("requests", t.calls), fact("ended by", t.stop && seen(t.stop)), fact("epoch", t.epoch + 1), fact("delivery", t.delivered && h("span", { class: "code" }, JSON.stringify(t.delivered)))),
    h("p", {}, "Whole prompt: ", h("code", {}, `niah show ${run().name} ${t.id} --prompt`)),
  ];
}

function openTrial(id, keep = true) {
  const t = run().trials.find((one) => one.id === id);
  if (!t) return;
  state.trial = id;
  if (keep) keepAddress();
  const all = chosenTrials(), at = all.findIndex((one) => one.id === id);
  const step = (by, name) => h("button", { disabled: !all[at + by] || at < 0, onclick: () => openTrial(all[at + by].id) }, name);
  const dialog = byId("trial") || document.body.appendChild(h("dialog", { id: "trial", "aria-labelledby": "trial-name", onclose: closeTrial }));
  dialog.replaceChildren(h("div", { class: "bar" }, h("h2", { id: "trial-name" }, `${place(t)}, epoch ${t.epoch + 1} `, h("span", { class: "chip" }, verdict(t))),
    step(-1, "previous"), step(1, "next"), h("button", { autofocus: true, onclick: () => dialog.close() }, "close")),
  h("div", { class: "inside" }, data.served ? markButtons(t) : null, trialBody(t)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function closeTrial() {
  const id = state.trial;
  state.trial = null;
  keepAddress();
  const link = [...document.querySelectorAll("#list a")].find((a) => a.dataset.id === id);
  if (link) link.focus();
}
