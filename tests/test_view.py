"""The local viewer: what it lists, whom it answers, what it keeps; and how people and scores
agree."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from pages import lost_in_the_middle, made, right

from niah.errors import ConfigError, RunError
from niah.plotter.page import MOST_SIGNS
from niah.run import open_run
from niah.runlog.marks import MARKS_NAME, add_mark, read_marks
from niah.verdict.pairs import agreed
from niah.viewer import LOOPBACK, Viewer, server_of


class Server:
    def __init__(self, viewer: Viewer, port: int) -> None:
        self.viewer, self.port = viewer, port

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, str, Any]:
        """Status, text and headers of an answer; header names have _ for -."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers

    def mark(self, **changes: Any) -> tuple[int, str, Any]:
        body = {
            "run": "r",
            "trial": next(iter(open_run(self.viewer.results / "r").rows)),
            "mark": "wrong",
        } | changes
        headers = {"X_Niah_Token": self.viewer.token, "Origin": f"http://{LOOPBACK}:{self.port}"}
        return self.ask("/mark", "POST", json.dumps(body), **headers)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made(tmp_path / "results/r", lost_in_the_middle)
    made(tmp_path / "results/suite/s", right)
    made(tmp_path / "outside/o", right)
    viewer = Viewer(tmp_path / "results", "Ada")
    with server_of(viewer) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(viewer, int(serving.server_address[1]))
        serving.shutdown()
        thread.join()


def test_it_lists_all_runs_and_opens_their_pages(server: Server) -> None:
    (server.viewer.results / "broken").mkdir()
    (server.viewer.results / "broken" / "run.jsonl").write_text("<b>no\n", encoding="utf-8")
    status, text, headers = server.ask("/")
    assert status == 200
    for part in ('href="/page?run=r"', 'href="/page?run=suite%2Fs"', "12 of 12", "broken"):
        assert part in text
    assert "<b>" not in text
    assert headers["X-Frame-Options"] == "DENY"
    for path in ("/page?run=r", "/page?run=suite/s&run=r"):
        status, text, _ = server.ask(path)
        assert (status, "connect-src 'self'" in text.replace("&#x27;", "'")) == (200, True)


@pytest.mark.parametrize(
    "path",
    [
        "/page?run=/etc",
        "/answer?run=../outside/o&trial=x",
        "/stamp?run=r%2F..%2Fr",
        "/page?run=%00",
    ],
)
def test_no_path_leads_out_of_the_folder(server: Server, path: str) -> None:
    status, text, _ = server.ask(path)
    assert status == 400
    assert "no run in" in text


def test_an_answer_that_a_page_cuts_is_there_as_a_whole(server: Server) -> None:
    long = "<b>" + "x" * (MOST_SIGNS + 5)
    made(server.viewer.results / "long", lambda t, p: long)
    trial = next(iter(open_run(server.viewer.results / "long").rows))
    status, text, headers = server.ask(f"/answer?run=long&trial={trial}")
    assert (status, text, headers["Content-Type"]) == (200, long, "text/plain; charset=utf-8")
    assert server.ask("/answer?run=long&trial=none")[0] == 400


def test_it_answers_to_its_own_name_only(server: Server) -> None:
    for host, status in (
        ("evil.example", 421),
        (f"evil.example:{server.port}", 421),
        (f"localhost:{server.port}", 200),
    ):
        assert server.ask("/", Host=host)[0] == status


def test_marks_are_kept_with_who_and_when_and_scores_stay(server: Server) -> None:
    run = server.viewer.results / "r"
    log, grid = (run / "run.jsonl").read_bytes(), open_run(run).grid
    assert server.mark()[0] == 200
    status, text, _ = server.mark(mark="right", who="Bob\x1b[31m")
    assert status == 200
    (kept,) = read_marks(run).values()
    assert json.loads(text) == kept
    assert (kept["mark"], "\x1b" in kept["who"], kept["when"][:2]) == ("right", False, "20")
    assert (
        len((run / MARKS_NAME).read_text(encoding="utf-8").splitlines()) == 2
    )  # nothing is taken away
    assert (run / "run.jsonl").read_bytes() == log
    assert open_run(run).grid == grid


def test_only_a_page_of_the_server_may_mark(server: Server) -> None:
    body = json.dumps({"run": "r", "trial": "x", "mark": "right"})
    own = f"http://{LOOPBACK}:{server.port}"
    for headers in (
        {},
        {"X_Niah_Token": server.viewer.token},
        {"X_Niah_Token": server.viewer.token, "Origin": "http://evil.example"},
        {"X_Niah_Token": "é", "Origin": own},
    ):
        assert (
            server.ask(
                "/mark",
                "POST",
                body,
                **{k: v.encode().decode("latin-1") for k, v in headers.items()},
            )[0]
            == 403
        )
    rebound = {
        "X_Niah_Token": server.viewer.token,
        "Origin": "http://evil.example",
        "Host": "evil.example",
    }
    assert server.ask("/mark", "POST", body, **rebound)[0] == 421
    assert not (server.viewer.results / "r" / MARKS_NAME).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"mark": "green"},
        {"trial": "none"},
        {"run": "../outside/o"},
        {"who": "x" * 20_000},
        {"mark": None},
    ],
)
def test_what_is_no_mark_is_refused_in_one_line(server: Server, changes: dict[str, Any]) -> None:
    status, text, _ = server.mark(**changes)
    assert status in (400, 413)
    assert text.count("\n") == 0
    assert not (server.viewer.results / "r" / MARKS_NAME).exists()


def test_news_has_another_stamp(server: Server) -> None:
    first = server.ask("/stamp?run=r")[1]
    assert server.ask("/stamp?run=r")[1] == first
    server.mark()
    assert server.ask("/stamp?run=r")[1] != first


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [("[" * 9_000, {}, 400), (None, {"Content_Length": "\xb2"}, 413)],
    ids=["brackets-without-end", "no-plain-number"],
)
def test_a_mark_that_cannot_be_read_has_an_answer(
    server: Server, body: str | None, more: dict[str, str], status: int
) -> None:
    own = {"X_Niah_Token": server.viewer.token, "Origin": f"http://{LOOPBACK}:{server.port}"}
    assert server.ask("/mark", "POST", body, **own, **more)[0] == status


def test_a_torn_mark_is_left_out_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    add_mark(tmp_path, "a", "right", "Ada")
    path = tmp_path / MARKS_NAME
    path.write_bytes(path.read_bytes() + b'{"trial": "b", "ma')
    assert list(read_marks(tmp_path)) == ["a"]
    add_mark(tmp_path, "c", "unclear", "Ada")
    assert list(read_marks(tmp_path)) == ["a", "c"]
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(RunError, match=r"marks\.jsonl:1: damaged line"):
        read_marks(tmp_path)
    with pytest.raises(ConfigError, match="use right, wrong, unclear"):
        add_mark(tmp_path, "a", "good", "Ada")


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ((20, 5, 10, 15), 0.4),  # Cohen's kappa of a textbook: 35 of 50 alike, 25 of them by chance
        ((45, 15, 25, 15), 0.1304),
        ((25, 35, 5, 35), 0.2593),
        ((5, 0, 0, 5), 1.0),
        ((0, 5, 5, 0), -1.0),
        ((5, 0, 0, 0), None),
        ((5, 5, 0, 0), None),
    ],
)
def test_kappa_is_the_agreement_beyond_chance(
    table: tuple[int, int, int, int], kappa: float | None
) -> None:
    both, first, second, neither = table
    pairs = (
        [(True, True)] * both
        + [(True, False)] * first
        + [(False, True)] * second
        + [(False, False)] * neither
    )
    found = agreed([*pairs, (True, None)])
    assert (found.n, found.agree, found.unclear) == (sum(table), both + neither, 1)
    assert found.kappa == (None if kappa is None else pytest.approx(kappa, abs=5e-5))


def test_a_report_says_how_people_and_scores_agree(niah: Niah) -> None:
    folder = made(Path("results/r"), lost_in_the_middle)
    assert "people" not in niah("report", "r").out
    rows = list(open_run(folder).rows.values())
    for r in [r for r in rows if r.score is not None][:10]:
        add_mark(folder, r.trial.id, "right" if r.score == 1 else "wrong", "Ada")
    add_mark(folder, rows[0].trial.id, "unclear", "Ada")
    assert (
        "people and the score: 9 of 9 alike (Cohen's kappa 1.00, n = 9), 1 unclear"
        in niah("report", "r").out
    )


def test_a_folder_that_is_not_there_or_a_port_that_is_taken_is_one_line(
    niah: Niah, server: Server
) -> None:
    for words, said in (
        (("nowhere",), "no such folder"),
        ((server.viewer.results, "--port", server.port), "cannot be used"),
    ):
        ended = niah("view", *words)
        assert ended.exit_code == 2
        assert said in ended.err
