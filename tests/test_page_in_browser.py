"""The page as people have it: a file, opened offline in Chromium, by mouse, by keys alone, on a
phone, in the dark."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pages import lost_in_the_middle, made, right

from niah.run import open_run
from niah.runlog.marks import read_marks
from niah.share import page
from niah.viewer import Viewer, server_of

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
REQUIRED = "BROWSER_REQUIRED"  # set where a missing browser is a failure, as in .ci/run

ATTACKS = (
    "</script><script>window.attacked = 1</script>",
    "<img src=x onerror='window.attacked = 1'><svg onload='window.attacked = 1'>",
    "javascript:window.attacked=1 ' onmouseover='window.attacked=1' \"><b>",
    "{{script}} {{data}} ${window.attacked = 1} --> ]]> <!--<script>",
    "\u202eright to left\u202c and \u2066isolated\u2069",
    "שלום עולם مرحبا بالعالم 12345",
    "\x00\x07\x1b[31mred\x1b[0m\x08\r\n\ttab",
    "😀👩‍👩‍👧‍👦🇫🇷 e\u0301 \ud83d",
    "繁體中文與簡體中文混排：臺灣、台湾",
    "A" * 5_000_000,
    "\u200b" * 50_000,
    "",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        why = "no chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get(REQUIRED):
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    made(folder / "old", right, controls=True)
    made(folder / "new", lost_in_the_middle, controls=True)
    answers = iter(ATTACKS * 2)
    made(folder / "hostile", lambda t, p: next(answers))
    made(folder / "zh", right, haystack="zh-hant", lengths="1k")
    for names in (["new"], ["old", "new"], ["hostile"], ["zh"]):
        page(names, folder / f"{'-'.join(names)}.html", results=folder)
    return folder


@contextmanager
def opened(browser: Any, path: Path, fragment: str = "", **context: Any) -> Iterator[Any]:
    """A page from its file, without a network. Whatever it asks for or complains of fails the
    test."""
    view = browser.new_context(offline=True, **context)
    tab, wrong = view.new_page(), []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on(
        "console",
        lambda message: (
            wrong.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    tab.on(
        "request", lambda r: None if r.url.startswith(("file:", "blob:")) else wrong.append(r.url)
    )
    tab.goto(path.as_uri() + fragment)
    tab.wait_for_selector("html[data-ready]")
    yield tab
    view.close()
    assert wrong == []


def cell(tab: Any, words: str) -> Any:
    return tab.locator(f'#heat .cell[aria-label^="{words}"]')


def test_a_click_on_a_red_cell_leads_to_its_needle(browser: Any, runs: Path) -> None:
    with opened(browser, runs / "new.html") as tab:
        assert (
            "of needles found" in tab.locator("h1").inner_text()
            or "Reads" in tab.locator("h1").inner_text()
        )
        red = cell(tab, "1k tokens, depth 50 %")
        red.hover()
        assert "0 % found, n = 2, 95 % interval 0 to 66 %" in tab.locator("#tip").inner_text()
        red.click()
        assert tab.locator("#count").inner_text() == "2 of 20 trials"
        tab.locator("#list a").first.click()
        said = tab.locator("dialog").inner_text()
        for part in (
            "Question",
            "What is the magic number for",
            "Expected",
            "planted for another key",
            "1k tokens, depth 50 %",
        ):
            assert part in said
        needle = tab.locator("dialog mark").inner_text()
        assert tab.locator("dialog pre").nth(1).inner_text() in needle
        assert len(tab.locator("dialog .text").inner_text()) > 300
        strip = tab.locator("dialog figure svg").get_attribute("aria-label")
        assert "2 other planted lines" in strip
        assert "trial=" in tab.url
        link = tab.url
    with opened(browser, runs / "new.html", "#" + link.partition("#")[2]) as tab:
        assert tab.locator("dialog mark").inner_text() == needle


def test_filters_show_as_many_trials_as_the_grid_counts(browser: Any, runs: Path) -> None:
    grid = open_run("new", runs).grid
    scored, right_ones = grid.whole.n, round(grid.whole.n * (grid.whole.mean or 0))
    with opened(browser, runs / "new.html") as tab:
        tab.select_option('[data-filter="control"]', "none")
        for outcome, n in (("right", right_ones), ("wrong", scored - right_ones), ("overflow", 1)):
            tab.select_option('[data-filter="outcome"]', outcome)
            assert tab.locator("#count").inner_text() == f"{n} of 20 trials"
        tab.select_option('[data-filter="outcome"]', "")
        tab.select_option('[data-filter="class"]', "distractor")
        assert tab.locator("#list li").count() == 2
        tab.select_option('[data-filter="class"]', "")
        tab.select_option('[data-filter="from"]', "1000")
        assert tab.locator("#count").inner_text() == "6 of 20 trials"
        answer = tab.locator("#list a span:last-child").first.inner_text()
        tab.fill('[data-filter="q"]', answer)
        assert tab.locator("#list li").count() == 1
        link = tab.url
    with opened(browser, runs / "new.html", "#" + link.partition("#")[2]) as tab:
        assert tab.locator("#list li").count() == 1
        assert tab.input_value('[data-filter="q"]') == answer


def test_keys_alone_reach_every_cell_and_trial(browser: Any, runs: Path) -> None:
    with opened(browser, runs / "new.html") as tab:

        def focused() -> str:
            return str(
                tab.evaluate(
                    "document.activeElement.getAttribute('aria-label') ||"
                    " document.activeElement.textContent"
                )
            )

        for _ in range(12):
            tab.keyboard.press("Tab")
            if focused().startswith("500 tokens"):
                break
        for key in ("ArrowRight", "ArrowDown"):
            tab.keyboard.press(key)
        assert focused().startswith("1k tokens, depth 50 %")
        tab.keyboard.press("Enter")
        assert tab.locator("#count").inner_text() == "2 of 20 trials"
        tab.keyboard.press("Enter")  # the first trial has the focus
        assert tab.locator("dialog").is_visible()
        tab.keyboard.press("Escape")
        assert not tab.locator("dialog").is_visible()
        assert "1k" in focused()


@pytest.mark.parametrize(
    ("name", "scheme"), [("old-new", "light"), ("old-new", "dark"), ("zh", "light")]
)
def test_axe_finds_nothing_serious(browser: Any, runs: Path, name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    with opened(browser, runs / f"{name}.html", color_scheme=scheme) as tab:
        found = [Axe().run(tab)]
        tab.locator("#list a").first.click()
        found.append(Axe().run(tab))
    for report in found:
        bad = [
            v
            for v in report.response["violations"]
            if v["impact"] in ("serious", "critical", "moderate")
        ]
        assert not [(v["id"], v["nodes"][0]["html"][:200]) for v in bad]


def test_dark_and_light_follow_the_system_and_a_phone_needs_no_scrolling_aside(
    browser: Any, runs: Path
) -> None:
    for scheme, dark in (("dark", True), ("light", False)):
        with opened(
            browser,
            runs / "old-new.html",
            color_scheme=scheme,
            viewport={"width": 320, "height": 640},
        ) as tab:
            assert (
                tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
            ) is dark
            assert tab.evaluate("document.documentElement.scrollWidth") <= 320
            tab.locator("#list a").first.click()
            assert tab.evaluate("document.querySelector('dialog').scrollWidth") <= 320


def test_print_leaves_out_what_is_for_clicking(browser: Any, runs: Path) -> None:
    with opened(browser, runs / "new.html") as tab:
        tab.emulate_media(media="print")
        assert not tab.locator(".filters").is_visible()
        assert tab.locator("#heat").is_visible()
        assert tab.evaluate(
            "[...document.querySelectorAll('pre')].every((p) => p.scrollHeight <= p.clientHeight"
            " + 1)"
        )


def test_two_runs_stand_side_by_side_with_their_difference_and_flips(
    browser: Any, runs: Path
) -> None:
    with opened(browser, runs / "old-new.html", "#run=new") as tab:
        assert tab.locator("main table").first.locator("tbody tr").count() == 2
        change = tab.locator(
            '[aria-label="Change in the share found"] .cell[aria-label^="1k tokens, depth 50 %"]'
        )
        assert change.get_attribute("aria-label").splitlines()[1].startswith("-100 points, n = 2")
        lost = tab.locator('section[aria-label="Difference"] details').first
        assert lost.locator("summary").inner_text() == "2 lost"
        lost.locator("summary").click()
        assert lost.locator(".pair").first.locator("pre").count() == 2
        tab.get_by_role("button", name="old", exact=True).click()
        assert "run=old" in tab.url
        assert tab.locator('section[aria-label="Difference"]').count() == 0


def test_whatever_a_model_answers_is_text_and_nothing_else(browser: Any, runs: Path) -> None:
    with opened(browser, runs / "hostile.html") as tab:
        links = tab.locator("#list a")
        assert links.count() == 12
        said = []
        for i in range(12):
            links.nth(i).click()
            said.append(tab.locator("dialog").inner_text())
            tab.keyboard.press("Escape")
        whole = "\n".join(said)
        assert tab.evaluate("window.attacked") is None
        assert tab.locator("dialog img, dialog svg[onload], #list b").count() == 0
        for part in (
            "</script><script>window.attacked = 1</script>",
            "⟨U+202E⟩",
            "⟨U+0000⟩",
            "⟨U+001B⟩[31m",
            "שלום",
            "臺灣",
            "😀",
        ):
            assert part in whole
        assert "The first 20,000 of 5,000,000 characters" in whole
        tab.fill('[data-filter="q"]', "onerror")
        assert links.count() == 1


def test_the_policy_stops_what_would_get_into_the_page(browser: Any, runs: Path) -> None:
    """Were a text taken for HTML all the same, it could neither run nor send anything."""
    view = browser.new_context(offline=True)
    tab = view.new_page()
    tab.goto((runs / "new.html").as_uri())
    tab.wait_for_selector("html[data-ready]")
    stopped = tab.evaluate("""async () => {
          const stopped = [];
          const event = "securitypolicyviolation";
          const all = new Promise((done) => document.addEventListener(event, (e) => {
            stopped.push(e.effectiveDirective);
            if (e.effectiveDirective === "form-action") done(); // the last of them
          }));
          document.body.insertAdjacentHTML("beforeend", `<img src="http://127.0.0.1:9/x.png"
            onerror="window.attacked = 1">
            <iframe src="http://127.0.0.1:9/"></iframe><form action="http://127.0.0.1:9/"></form>`);
          const script = document.createElement("script");
          script.textContent = "window.attacked = 2";
          document.body.append(script);
          await fetch("http://127.0.0.1:9/").catch(() => {});
          document.forms[0].submit();
          await Promise.race([all, new Promise((late) => setTimeout(late, 20_000))]);
          return stopped;
        }""")
    assert tab.evaluate("window.attacked") is None
    assert {"img-src", "frame-src", "script-src-elem", "connect-src", "form-action"} <= set(stopped)
    view.close()


def test_what_is_no_model_is_marked(browser: Any, runs: Path) -> None:
    with opened(browser, runs / "zh.html") as tab:
        assert tab.locator(".chip.simulated").first.inner_text() == "simulated reader, no model"
        tab.locator("#list a").first.click()
        assert tab.locator("dialog .text").get_attribute("lang") == "zh"


def test_a_viewer_follows_a_run_that_goes_on_and_takes_marks(browser: Any, tmp_path: Path) -> None:
    folder = made(tmp_path / "results" / "r", lost_in_the_middle)
    lines = (folder / "run.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "run.jsonl").write_bytes(
        b"".join(lines[:5]) + lines[5][:40]
    )  # while a line is written
    with server_of(Viewer(tmp_path / "results", "Ada")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        tab.get_by_role("checkbox", name="choose r").check()
        made(tmp_path / "results" / "s", lambda t, p: "x" * 20_005)
        tab.get_by_role("checkbox", name="choose s").check()  # the list shows it by itself
        tab.get_by_role("button").click()
        tab.wait_for_selector("html[data-ready]")
        tab.get_by_role("button", name="s", exact=True).click()
        tab.locator("#list a").first.click()
        with tab.context.expect_page() as whole:
            tab.get_by_role("link", name="the whole answer").click()
        assert whole.value.locator("pre").inner_text() == "x" * 20_005
        tab.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        tab.get_by_role("link", name="r", exact=True).click()
        tab.wait_for_selector("html[data-ready]")
        assert tab.locator("#count").inner_text() == "4 of 4 trials"
        (folder / "run.jsonl").write_bytes(b"".join(lines))
        tab.locator("#count", has_text="12 of 12 trials").wait_for()
        tab.locator("#list a").first.click()
        tab.get_by_role("button", name="wrong", exact=True).click()
        tab.wait_for_selector('dialog button[aria-pressed="true"]')
        assert "marked wrong by Ada" in tab.locator("dialog").inner_text()
        tab.close()
        server.shutdown()
        thread.join()
    (mark,) = read_marks(folder).values()
    assert (mark["mark"], mark["who"]) == ("wrong", "Ada")
