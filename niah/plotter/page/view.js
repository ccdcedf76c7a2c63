// Only in pages of `niah view`: follow a run that goes on, and mark answers by hand.

const query = () => data.served.names.map((n) => `run=${encodeURIComponent(n)}`).join("&");

/** Buttons for a person's opinion; the score stays as it is. */
function markButtons(t) {
  const status = h("span", { "aria-live": "polite" });
  const tell = async (mark) => {
    const headers = { "X-Niah-Token": data.served.token, "Content-Type": "application/json" };
    const body = JSON.stringify({ run: data.served.names[state.run], trial: t.id, mark });
    const answer = await fetch("/mark", { method: "POST", headers, body }).catch(() => null);
    if (!answer || !answer.ok) {
      const gone = "the server is gone: start niah view again";
      status.textContent = answer ? await answer.text() : gone;
      return;
    }
    t.mark = await answer.json();
    drawList();
    openTrial(t.id);
  };
  const button = (mark) => h("button",
    { "aria-pressed": String(t.mark?.mark === mark), onclick: () => tell(mark) }, mark);
  const label = { class: "tools", role: "group", "aria-label": "Your opinion of the answer" };
  return h("div", label, "Your opinion:", ["right", "wrong", "unclear"].map(button), status);
}

async function takeNews() {
  const answer = await fetch(`/page?${query()}`);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  data = await unpack(page.getElementById("data").textContent);
  byId("intro").replaceChildren(...page.getElementById("intro").children);
  draw();
}

/** Ask every two seconds whether there is news; what a person has in hand is not taken away. */
function followServer() {
  const said = h("span", { class: "live", "aria-live": "polite" });
  const status = h("p", { class: "tools" }, h("a", { href: "/" }, "all runs"), said);
  document.querySelector("main").prepend(status);
  const showNews = () => {
    said.textContent = "";
    takeNews();
  };
  setInterval(async () => {
    const answer = document.hidden ? null : await fetch(`/stamp?${query()}`).catch(() => null);
    if (!answer || !answer.ok || (await answer.text()) === data.served.stamp) return;
    if (document.querySelector("dialog[open]") || byId("app").contains(document.activeElement)) {
      said.replaceChildren(h("button", { onclick: showNews }, "there is news: show it"));
    } else {
      await takeNews();
      said.textContent = `following: ${count(run().trials.length)} trials`;
    }
  }, 2000);
}
