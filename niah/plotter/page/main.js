// Put the page together, and follow the address.

function recipeSection(r) {
  const save = () => {
    const file = new Blob([JSON.stringify(data)], { type: "application/json" });
    h("a", { href: URL.createObjectURL(file), download: `${r.name}.json` }).click();
  };
  const versions = Object.entries(r.versions).map(([name, value]) =>
    h("div", h("span", `${name} `), h("span", { class: "code" }, String(value))));
  return h("section", { "aria-label": "Recipe" },
    h("h2", "Recipe"), h("div", { class: "facts" }, versions),
    h("p", "The same prompts and settings: save this as recipe.toml, then niah run recipe.toml"),
    h("pre", { class: "code", tabindex: "0" }, r.toml),
    h("button", { onclick: save }, "save all data of this page"));
}

function show(index) {
  Object.assign(state, { run: index, cell: null, filters: {} });
  keepAddress();
  draw();
}

function draw() {
  const runs = data.runs, r = run(), several = runs.length > 1;
  [...byId("intro").children].forEach((part, i) => { part.hidden = i !== state.run; });
  // of controls, weak spots, opinions
  const lines = [...r.more, ...r.agreed.map((a) => `${a.who} and the score: ${a.said}`)];
  const compared = [r, ...runs.filter((other) => other !== r)].slice(0, TONES.length);
  const parts = [several && [overview(runs), h("h2", { class: "name" }, r.name)],
    lines.map((line) => h("p", line)), heatSection(r), differenceSection(runs), trialSection(r),
    curveSection(compared), recipeSection(r)];
  byId("app").replaceChildren(...parts.flat(Infinity).filter(there));
  drawList();
}

function follow() {
  readAddress(data.runs);
  draw();
  if (state.trial) openTrial(state.trial, false);
}

async function start() {
  if (!("DecompressionStream" in window)) {
    const able = "Chrome 80, Firefox 113, Safari 16.4 or newer can";
    const said = `This browser is too old to unpack the trials: ${able}.`;
    byId("app").append(h("p", { class: "warnings" }, said));
    return;
  }
  data = await unpack(byId("data").textContent);
  addEventListener("hashchange", follow);
  follow();
  if (data.served) followServer();
  document.documentElement.dataset.ready = "true";
}
start();
