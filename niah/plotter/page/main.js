// Put the page together, and follow the address.

function recipeSection(r) {
  const save = () => {
    const link = h("a", { href: URL.createObjectURL(new Blob([JSON.stringify(data)], { type: "application/json" })), download: `${r.name}.json` });
    link.click();
  };
  const versions = Object.entries(r.versions).map(([k, v]) => h("div", {}, h("span", {}, `${k} `), h("span", { class: "code" }, String(v))));
  return h("section", { "aria-label": "Recipe" }, h("h2", {}, "Recipe"), h("div", { class: "facts" }, versions),
    h("p", {}, "The same prompts and settings: save this as recipe.toml, then niah run recipe.toml"),
    h("pre", { class: "code", tabindex: "0" }, r.toml), h("button", { onclick: save }, "save all data of this page"));
}

/** A control row of words, who agrees with whom, what is weakest. */
const more = (r) => [...r.more, ...r.agreed.map((a) => `${a.who} and the score: ${a.said}`)].map((line) => h("p", {}, line));

function show(index) {
  state.run = index;
  state.cell = null;
  state.filters = {};
  keepAddress();
  draw();
}

function draw() {
  const runs = data.runs, r = run(), several = runs.length > 1;
  [...byId("intro").children].forEach((part, i) => { part.hidden = i !== state.run; });
  byId("app").replaceChildren(...[several && overview(runs), several && h("h2", { class: "name" }, r.name), ...more(r), heatSection(r), differenceSection(runs),
    trialSection(r), curveSection(several ? [r, ...runs.filter((other) => other !== r)].slice(0, TONES.length) : [r]), recipeSection(r)].filter(Boolean));
  drawList();
}

function follow() {
  readAddress(data.runs);
  draw();
  if (state.trial) openTrial(state.trial, false);
}

async function start() {
  if (!("DecompressionStream" in window)) {
    byId("app").append(h("p", { class: "warnings" }, "This browser is too old to unpack the trials: Chrome 80, Firefox 113, Safari 16.4 or newer can."));
    return;
  }
  data = await unpack(byId("data").textContent);
  addEventListener("hashchange", follow);
  follow();
  if (data.served) followServer();
  document.documentElement.dataset.ready = "true";
}
start();
