// The trials: filters, the list, and one trial with its needle where it stands.

const words = new WeakMap(); // of a trial, folded, to be searched

function matches(t, f) {
  const right = t.score === 1, c = state.cell;
  if (f.outcome && (f.outcome === "right" ? !right : f.outcome === "wrong" ? t.score === undefined || right : t.outcome !== f.outcome)) return false;
  if ((f.class && t.class !== f.class) || (f.control && (t.control || "none") !== f.control)) return false;
  if ((f.from && t.length < f.from) || (f.to && t.length > f.to)) return false;
  if (c && ((c.length !== null && c.length !== t.length) || c.control !== (t.control || null) || (!c.control && c.depth !== t.depth))) return false;
  if (!f.q) return true;
  if (!words.has(t)) words.set(t, [t.id, t.answer, t.question, t.expected, t.needle, t.why, t.error].join("\n").toLowerCase());
  return words.get(t).includes(f.q.toLowerCase());
}
const chosenTrials = () => run().trials.filter((t) => matches(t, state.filters));

function openCell({ length, depth = null, control = null }) {
  state.cell = { length, depth, control };
  refilter();
  byId("trials").scrollIntoView({ block: "start" });
  document.querySelector("#list a")?.focus({ preventScroll: true });
}

function refilter() {
  state.shown = FIRST;
  keepAddress();
  drawList();
  for (const cell of document.querySelectorAll("#heat .cell")) cell.classList.toggle("chosen", isCell(cell.of));
}

function drawList() {
  const all = chosenTrials(), shown = all.slice(0, state.shown);
  byId("list").replaceChildren(...shown.map(row));
  byId("count").textContent = `${count(all.length)} of ${count(run().trials.length)} trials`;
  byId("more").hidden = all.length <= shown.length;
  byId("more").textContent = `show ${Math.min(4 * FIRST, all.length - shown.length)} more`;
  byId("uncell").hidden = !state.cell;
  if (state.cell) byId("uncell").textContent = `cell ${place(state.cell)} ×`;
}

function row(t) {
  const tone = t.score === 1 ? "right" : t.score !== undefined && "wrong";
  return h("li", h("a", { href: address({ trial: t.id }), "data-id": t.id }, h("span", lengthName(t.length)), h("span", t.control || `depth ${t.depth} %`),
    h("span", { class: tone }, verdict(t), t.mark && ` · ${t.mark.mark}`), h("span", { dir: "auto" }, seen((t.answer ?? t.error ?? "").slice(0, 160)))));
}

function trialSection(r) {
  const take = (e) => {
    state.filters[e.target.dataset.filter] = e.target.value;
    refilter();
  };
  const choice = (key, label, options) => h("label", label, h("select", { "data-filter": key, onchange: take }, h("option", { value: "" }, "all"),
    options.map(([value, name = value]) => h("option", { value, selected: state.filters[key] === String(value) }, name))));
  const of = (key) => [...new Set(r.trials.map((t) => t[key]).filter(there))].sort().map((value) => [value]);
  const lengths = r.lengths.map((n) => [n, lengthName(n)]), controls = of("control");
  return h("section", { id: "trials", "aria-label": "Trials" }, h("h2", "Every trial"),
    r.left_out && h("p", { class: "warnings" }, r.left_out), r.not_built && h("p", r.not_built),
    h("div", { class: "filters" },
      choice("outcome", "outcome", [["wrong"], ["right"], ...of("outcome").filter(([o]) => o !== "scored")]), choice("class", "kind of answer", of("class")),
      controls.length > 0 && choice("control", "control", [["none", "no control"], ...controls]), choice("from", "from length", lengths), choice("to", "up to length", lengths),
      h("label", "search in answers, questions, ids", h("input", { type: "search", value: state.filters.q, "data-filter": "q", oninput: take }))),
    h("div", { class: "tools" }, h("span", { id: "count", "aria-live": "polite" }),
      h("button", { id: "uncell", hidden: true, "aria-label": "show all cells", onclick: () => { state.cell = null; refilter(); } })),
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
  const [wide, left] = [700, 10], room = wide - 2 * left, x = (share) => left + room * share;
  const marks = t.places.map(([at, key, kind], i) => {
    const title = h("title", `${i ? kind || "planted" : "asked about"}: ${key}, at ${at.toFixed(1)} %`), middle = x(at / 100);
    return i ? h("rect", { x: middle - 1.5, y: 10, width: 3, height: 24, fill: kind === "right" ? "var(--good)" : "var(--bad)" }, title)
      : h("path", { d: `M${middle} 36 l-7 12 h14 z M${middle - 1} 8 h2 v28 h-2 z`, fill: "currentColor" }, title);
  });
  const repeats = t.unique < 0.995, short = t.expected_count && t.counted < 0.98 * t.expected_count;
  const others = t.places.slice(1).map(([at]) => at.toFixed(0));
  const names = `needle at ${t.places[0][0].toFixed(1)} %` + (others.length ? `, ${others.length} other planted lines at ${others.join(", ")} %` : "");
  return h("figure", h("svg", { viewBox: `0 0 ${wide} ${short ? 76 : 52}`, role: "img", "aria-label": `The whole text as a strip: ${names}` },
    h("rect", { x: left, y: 12, width: room, height: 20, fill: "var(--soft)", stroke: "var(--line)" }),
    repeats && h("line", { x1: x(t.unique), x2: x(t.unique), y1: 8, y2: 36, stroke: "currentColor", "stroke-dasharray": "2 3" }), marks,
    short && [h("rect", { x: left, y: 50, width: room * t.counted / t.expected_count, height: 5, fill: "var(--bad)" }),
      h("text", { x: left, y: 70 }, `the server counted ${count(t.counted)} of ${count(t.expected_count)} tokens: the rest was cut`)]),
    h("p", names, repeats && "; dashed: from here on the text repeats"));
}

function inPlace(t) {
  if (t.needle === undefined) return null;
  if (!t.needle) return h("p", "This prompt holds no needle in one piece.");
  return [h("h3", "The needle where it stands"), h("div", { class: "text", lang: /[\u4e00-\u9fff]/.test(t.needle) && "zh", dir: "auto", tabindex: "0" },
    "… ", seen(t.before), h("mark", seen(t.needle)), seen(t.after), " …"), h("p", "Built again from the recipe; its digest is that of the prompt that was sent.")];
}

const block = (text, title) => [title && h("h3", title), h("pre", { dir: "auto", tabindex: "0" }, seen(text))];

/** Names and values of what is known. */
const facts = (known, ...more) => h("div", { class: "facts" }, Object.entries(known).map(([name, value]) => there(value) && h("div", h("span", `${name} `), value)), more);

function trialBody(t) {
  const opinions = Object.entries(t.judges || {}).map(([judge, v]) => `judge ${judge}: ${v === 1 ? "right" : "wrong"}`);
  if (t.mark) opinions.push(`marked ${t.mark.mark} by ${t.mark.who}, ${t.mark.when.slice(0, 10)}`);
  const command = `niah show ${data.served?.names[state.run] ?? run().name} ${t.id}`, tokens = (n) => there(n) && `${count(n)} tokens`;
  const all = data.served ? h("a", { href: `/answer?run=${encodeURIComponent(data.served.names[state.run])}&trial=${t.id}`, target: "_blank" }, "the whole answer") : command;
  return [
    facts({ score: t.score === undefined ? `none (${t.outcome})` : String(t.score), "answer is": t.class, why: t.why && seen(t.why),
      parts: t.parts && Object.entries(t.parts).map(([k, v]) => `${k} ${percent(v)}`).join(", ") }, opinions.map((o) => h("div", seen(o)))),
    t.error && block(t.error, "Error"), t.question && block(t.question, "Question"), block(t.expected, "Expected"), there(t.answer) && block(t.answer, "Answer"),
    t.signs && h("p", `The first ${count(t.answer.length)} of ${count(t.signs)} characters; all of them: `, all), inPlace(t), strip(t),
    facts({ "asked depth": `${t.depth} %`, "actual depth": there(t.actual) ? `${t.actual.toFixed(3)} %` : null, prompt: tokens(t.tokens), "counted by the server": tokens(t.counted),
      "from cache": there(t.cached) && count(t.cached), answer: tokens(t.output), "first token": t.first_s && seconds(t.first_s), whole: t.total_s && seconds(t.total_s),
      attempts: t.attempts, requests: t.calls, "ended by": t.stop && seen(t.stop), epoch: t.epoch + 1, delivery: t.delivered && h("span", { class: "code" }, JSON.stringify(t.delivered)) }),
    h("p", "Whole prompt: ", h("code", `${command} --prompt`)),
  ];
}

function openTrial(id, keep = true) {
  const t = run().trials.find((one) => one.id === id);
  if (!t) return;
  state.trial = id;
  if (keep) keepAddress();
  const all = chosenTrials(), at = all.indexOf(t);
  const step = (by, name) => h("button", { disabled: at < 0 || !all[at + by], onclick: () => openTrial(all[at + by].id) }, name);
  const dialog = byId("trial") || document.body.appendChild(h("dialog", { id: "trial", "aria-labelledby": "trial-name", onclose: closeTrial }));
  dialog.replaceChildren(h("div", { class: "bar" }, h("h2", { id: "trial-name" }, `${place(t)}, epoch ${t.epoch + 1} `, h("span", { class: "chip" }, verdict(t))),
    step(-1, "previous"), step(1, "next"), h("button", { autofocus: true, onclick: () => dialog.close() }, "close")),
  h("div", { class: "inside" }, data.served && markButtons(t), trialBody(t)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function closeTrial() {
  const link = document.querySelector(`#list a[data-id="${state.trial}"]`);
  state.trial = null;
  keepAddress();
  link?.focus();
}
