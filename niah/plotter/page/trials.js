// The trials: filters, the list, and one trial with its needle where it stands.

const words = new WeakMap(); // of a trial, folded, to be searched

function matches(t, f) {
  const right = t.score === 1, c = state.cell;
  const ended = [right && "right", t.score !== undefined && !right && "wrong", t.outcome];
  if (f.outcome && !ended.includes(f.outcome)) return false;
  if (f.class && t.class !== f.class) return false;
  if (f.control && (t.control || "none") !== f.control) return false;
  if ((f.from && t.length < f.from) || (f.to && t.length > f.to)) return false;
  if (c && c.length !== null && c.length !== t.length) return false;
  if (c && (c.control !== (t.control || null) || (!c.control && c.depth !== t.depth))) return false;
  if (!f.q) return true;
  if (!words.has(t)) {
    const said = [t.id, t.answer, t.question, t.expected, t.needle, t.why, t.error];
    words.set(t, said.join("\n").toLowerCase());
  }
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
  for (const cell of document.querySelectorAll("#heat .cell"))
    cell.classList.toggle("chosen", isCell(cell.of));
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
  return h("li", h("a", { href: address({ trial: t.id }), "data-id": t.id },
    h("span", lengthName(t.length)), h("span", t.control || `depth ${t.depth} %`),
    h("span", { class: tone }, verdict(t), t.mark && ` · ${t.mark.mark}`),
    h("span", { dir: "auto" }, seen((t.answer ?? t.error ?? "").slice(0, 160)))));
}

function trialSection(r) {
  const take = (e) => {
    state.filters[e.target.dataset.filter] = e.target.value;
    refilter();
  };
  const choice = (key, label, options) => h("label", label,
    h("select", { "data-filter": key, onchange: take }, h("option", { value: "" }, "all"),
      options.map(([value, name = value]) =>
        h("option", { value, selected: state.filters[key] === String(value) }, name))));
  const of = (key) =>
    [...new Set(r.trials.map((t) => t[key]).filter(there))].sort().map((value) => [value]);
  const outcomes = of("outcome").filter(([outcome]) => outcome !== "scored");
  const lengths = r.lengths.map((n) => [n, lengthName(n)]), controls = of("control");
  return h("section", { id: "trials", "aria-label": "Trials" }, h("h2", "Every trial"),
    r.left_out && h("p", { class: "warnings" }, r.left_out), r.not_built && h("p", r.not_built),
    h("div", { class: "filters" },
      choice("outcome", "outcome", [["wrong"], ["right"], ...outcomes]),
      choice("class", "kind of answer", of("class")),
      controls.length > 0 && choice("control", "control", [["none", "no control"], ...controls]),
      choice("from", "from length", lengths), choice("to", "up to length", lengths),
      h("label", "search in answers, questions, ids",
        h("input", { type: "search", value: state.filters.q, "data-filter": "q", oninput: take }))),
    h("div", { class: "tools" }, h("span", { id: "count", "aria-live": "polite" }),
      h("button",
        { id: "uncell", hidden: true, "aria-label": "show all cells", onclick: leaveCell })),
    h("ol", { class: "list", id: "list", onclick: openLink }),
    h("button", { id: "more", onclick: showMore }));
}

function leaveCell() {
  state.cell = null;
  refilter();
}

function openLink(e) {
  const link = e.target.closest("a");
  if (!link || e.ctrlKey || e.metaKey) return;
  e.preventDefault();
  openTrial(link.dataset.id);
}

function showMore() {
  state.shown += 4 * FIRST;
  drawList();
}

/** Where needles lie in the whole text, and how much of it the server says to have read. */
function strip(t) {
  if (!t.places.length) return null;
  const [wide, left] = [700, 10], room = wide - 2 * left, x = (share) => left + room * share;
  const marks = t.places.map(([at, key, kind], i) => {
    const middle = x(at / 100), fill = kind === "right" ? "var(--good)" : "var(--bad)";
    const what = i ? kind || "planted" : "asked about";
    const title = h("title", `${what}: ${key}, at ${at.toFixed(1)} %`);
    if (i) return h("rect", { x: middle - 1.5, y: 10, width: 3, height: 24, fill }, title);
    const d = `M${middle} 36 l-7 12 h14 z M${middle - 1} 8 h2 v28 h-2 z`;
    return h("path", { d, fill: "currentColor" }, title);
  });
  const repeats = t.unique < 0.995, from = x(t.unique);
  const short = t.expected_count && t.counted < 0.98 * t.expected_count;
  const others = t.places.slice(1).map(([at]) => at.toFixed(0));
  let names = `needle at ${t.places[0][0].toFixed(1)} %`;
  if (others.length) names += `, ${others.length} other planted lines at ${others.join(", ")} %`;
  const label = `The whole text as a strip: ${names}`;
  const viewBox = `0 0 ${wide} ${short ? 76 : 52}`;
  const svg = h("svg", { viewBox, role: "img", "aria-label": label },
    h("rect",
      { x: left, y: 12, width: room, height: 20, fill: "var(--soft)", stroke: "var(--line)" }),
    repeats && h("line",
      { x1: from, x2: from, y1: 8, y2: 36, stroke: "currentColor", "stroke-dasharray": "2 3" }),
    marks, short && countedStrip(t, left, room));
  return h("figure", svg, h("p", names, repeats && "; dashed: from here on the text repeats"));
}

function countedStrip(t, left, room) {
  const share = t.counted / t.expected_count;
  const said = `the server counted ${count(t.counted)} of ${count(t.expected_count)} tokens`;
  return [h("rect", { x: left, y: 50, width: room * share, height: 5, fill: "var(--bad)" }),
    h("text", { x: left, y: 70 }, `${said}: the rest was cut`)];
}

function inPlace(t) {
  if (t.needle === undefined) return null;
  if (!t.needle) return h("p", "This prompt holds no needle in one piece.");
  const lang = /[\u4e00-\u9fff]/.test(t.needle) && "zh";
  return [h("h3", "The needle where it stands"),
    h("div", { class: "text", lang, dir: "auto", tabindex: "0" },
      "… ", seen(t.before), h("mark", seen(t.needle)), seen(t.after), " …"),
    h("p", "Built again from the recipe; its digest is that of the prompt that was sent.")];
}

const block = (text, title) =>
  [title && h("h3", title), h("pre", { dir: "auto", tabindex: "0" }, seen(text))];

/** Names and values of what is known. */
const facts = (known, ...more) => h("div", { class: "facts" },
  Object.entries(known).map(([name, value]) =>
    there(value) && h("div", h("span", `${name} `), value)), more);

function trialBody(t) {
  const opinions = Object.entries(t.judges || {})
    .map(([judge, value]) => `judge ${judge}: ${value === 1 ? "right" : "wrong"}`);
  if (t.mark) opinions.push(`marked ${t.mark.mark} by ${t.mark.who}, ${t.mark.when.slice(0, 10)}`);
  const served = data.served?.names[state.run], parts = Object.entries(t.parts || {});
  const command = `niah show ${served ?? run().name} ${t.id}`;
  const href = `/answer?run=${encodeURIComponent(served)}&trial=${t.id}`;
  const all = data.served ? h("a", { href, target: "_blank" }, "the whole answer") : command;
  const judged = {
    score: t.score === undefined ? `none (${t.outcome})` : String(t.score),
    "answer is": t.class,
    why: t.why && seen(t.why),
    parts: t.parts && parts.map(([name, share]) => `${name} ${percent(share)}`).join(", "),
  };
  return [
    facts(judged, opinions.map((opinion) => h("div", seen(opinion)))),
    t.error && block(t.error, "Error"), t.question && block(t.question, "Question"),
    block(t.expected, "Expected"), there(t.answer) && block(t.answer, "Answer"),
    t.signs && h("p",
      `The first ${count(t.answer.length)} of ${count(t.signs)} characters; all of them: `, all),
    inPlace(t), strip(t), facts(figuresOf(t)),
    h("p", "Whole prompt: ", h("code", `${command} --prompt`)),
  ];
}

function figuresOf(t) {
  const tokens = (n) => there(n) && `${count(n)} tokens`;
  return {
    "asked depth": `${t.depth} %`,
    "actual depth": there(t.actual) ? `${t.actual.toFixed(3)} %` : null,
    prompt: tokens(t.tokens),
    "counted by the server": tokens(t.counted),
    "from cache": there(t.cached) && count(t.cached),
    answer: tokens(t.output),
    "first token": t.first_s && seconds(t.first_s),
    whole: t.total_s && seconds(t.total_s),
    attempts: t.attempts,
    requests: t.calls,
    "ended by": t.stop && seen(t.stop),
    epoch: t.epoch + 1,
    delivery: t.delivered && h("span", { class: "code" }, JSON.stringify(t.delivered)),
  };
}

function openTrial(id, keep = true) {
  const t = run().trials.find((one) => one.id === id);
  if (!t) return;
  state.trial = id;
  if (keep) keepAddress();
  const all = chosenTrials(), at = all.indexOf(t);
  const step = (by, name) => h("button",
    { disabled: at < 0 || !all[at + by], onclick: () => openTrial(all[at + by].id) }, name);
  const closed = { id: "trial", "aria-labelledby": "trial-name", onclose: closeTrial };
  const dialog = byId("trial") || document.body.appendChild(h("dialog", closed));
  const head = h("h2", { id: "trial-name" }, `${place(t)}, epoch ${t.epoch + 1} `,
    h("span", { class: "chip" }, verdict(t)));
  dialog.replaceChildren(
    h("div", { class: "bar" }, head, step(-1, "previous"), step(1, "next"),
      h("button", { autofocus: true, onclick: () => dialog.close() }, "close")),
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
