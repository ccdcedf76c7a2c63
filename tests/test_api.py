"""The Python API: what a notebook, a test or a plugin does with niah."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Niah
from runs import header, results, run, trials, wrong_in
from server import answers, answers_with, fails, serving

import niah
from niah import scorers
from niah.providers import Service, provider_of
from niah.records import Needle, Outcome, Planting, Score
from niah.runlog.log import write_log
from niah.runner.background import Stoppable
from niah.tasks import Options, TaskContext, task_of
from niah.text.seeded import Draw
from niah.verdict.gate_config import GateConfig
from niah.verdict.power import EPOCHS
from niah.verdict.records import Verdict

PERFECT: dict[str, Any] = {"provider": "simulated", "model": "perfect"}
SMALL: dict[str, Any] = {**PERFECT, "lengths": "500,1k", "depths": [0, 50, 100]}
PLAIN = (str, int, float, type(None))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def python(program: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


# what is imported when


def test_importing_niah_imports_nothing_and_names_everything(tmp_path: Path) -> None:
    program = (
        "import sys, niah; heavy = {'numpy', 'pydantic', 'click', 'httpx', 'matplotlib'} &"
        " set(sys.modules)\nprint(sorted(heavy), all(hasattr(niah, name) for name in niah.__all__),"
        " set(niah.__all__) <= set(dir(niah)))"
    )
    assert python(program, tmp_path) == "[] True True"
    with pytest.raises(AttributeError, match="has no attribute 'swep'"):
        niah.swep  # noqa: B018


@pytest.mark.slow
def test_commands_about_finished_runs_know_no_network(tmp_path: Path) -> None:
    for name in ("old", "new"):
        run(tmp_path / "results" / name, header())
    done = niah.sweep(**SMALL, name="real")
    commands = [
        "report new",
        "plot new",
        "gate new --baseline old",
        "compare old new",
        "baseline save new",
        "list",
        "show new",
        "score real",
        f"show real {done.trials[0]['id']}",
    ]
    assert python(KNOWS_A_NETWORK.format(commands=commands), tmp_path) == "None"


# the first command behind which a module of the network is loaded; each ends as it should
KNOWS_A_NETWORK = """
import sys
from niah.cli import main

def loads(command):
    try:
        main(command.split())
    except SystemExit as ended:
        assert not ended.code, command
    return any(m.split(".")[0] == "httpx" or m.startswith("niah.runner") for m in sys.modules)

print(next(filter(loads, {commands}), None))
"""


# sweep


def test_a_sweep_leaves_what_the_command_leaves(niah: Niah) -> None:
    import niah as package

    swept = package.sweep(**SMALL, name="api")
    flags = (
        "--provider",
        "simulated",
        "--model",
        "perfect",
        "--lengths",
        "500,1k",
        "--depths",
        "0,50,100",
    )
    assert niah("run", *flags, "--name", "cli").exit_code == 0
    other = package.open_run("cli")
    assert swept.header.config == other.header.config
    assert {t["id"]: t["prompt_digest"] for t in swept.trials} == {
        t["id"]: t["prompt_digest"] for t in other.trials
    }
    files = [{p.name for p in r.folder.iterdir() if p.name[0] != "."} for r in (swept, other)]
    assert files[0] == files[1] >= {"run.jsonl", "grid.json", "grid.csv", "heatmap.png"}
    assert niah("run", *flags, "--name", "api").err.startswith("Nothing to do")


def test_the_same_call_resumes_and_a_larger_one_extends() -> None:
    landed: list[Any] = []
    first = niah.sweep(**SMALL, name="r", limit=2, on_result=landed.append)
    assert (len(landed), first.complete, len(first.trials)) == (2, False, 2)
    whole = niah.sweep(**SMALL, name="r", on_result=landed.append)
    assert (len(landed), whole.complete, whole.stopped) == (6, True, None)
    niah.sweep(**SMALL, name="r", on_result=landed.append)
    assert len(landed) == 6
    more = niah.sweep(**{**SMALL, "epochs": 2}, name="r", on_result=landed.append)
    assert (len(landed), more.complete, more.grid.whole.n) == (12, True, 12)


@pytest.mark.slow
def test_without_a_name_the_same_settings_find_the_same_folder() -> None:
    assert (
        niah.sweep(**SMALL).folder
        == niah.sweep(**SMALL).folder
        != niah.sweep(**SMALL, seed=1).folder
    )


def test_a_config_is_a_name_a_file_or_an_object() -> None:
    Path("c.toml").write_text(
        'provider = "simulated"\nmodel = "perfect"\nlengths = "1k"\ndepths = "0,100"\n'
    )
    config = niah.RunConfig(**{**PERFECT, "lengths": "1k", "depths": "0,100"})
    plans = [niah.plan(given, epochs=3) for given in ("c.toml", Path("c.toml"), config)]
    assert plans[0] == plans[1] == plans[2]
    assert (plans[0].trials, niah.plan("quick", **PERFECT).trials) == (6, 20)


def test_variables_set_nothing_in_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIAH_SEED", "7")
    assert niah.plan(**SMALL) == niah.plan(**SMALL, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "perfekt"}, "did you mean 'perfect'"),
        ({"model": "perfect,blind"}, "one call is for one model"),
        ({"lengths": "many"}, "use whole tokens"),
        ({"lenghts": "1k"}, "did you mean 'lengths'"),
        ({"name": "../up"}, "without slashes"),
        ({"limit": 0}, "1 or more"),
        ({"task": object()}, "is no task: it has no SUMMARY"),
        ({"haystack": 5}, "is no haystack"),
        ({"provider": 5}, "is no provider"),
        ({"haystack": Path("none.txt")}, "no such file"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_settings_are_one_clear_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(niah.NiahError, match=message) as raised:
        niah.sweep(**{**SMALL, **settings})
    assert "\n" not in str(raised.value)
    assert not Path("results").exists()


def test_a_sweep_that_measures_nothing_is_an_error_and_leaves_nothing() -> None:
    def broken(prompt: str) -> str:
        raise RuntimeError("no device")

    with pytest.raises(niah.NiahError, match="RuntimeError: no device"):
        niah.sweep(model=broken, lengths="500", depths=[0])
    with pytest.raises(niah.NiahError, match="<lambda> returned int; an answer is a string"):
        niah.sweep(model=lambda prompt: 42, lengths="500", depths=[0])
    odd: dict[str, Any] = {
        "target_logprob": True,
        "extra": {"temperature": 0},
        "api_key_env": "KEY",
    }
    for key, value in odd.items():
        with pytest.raises(
            niah.NiahError, match=f"{key} has no meaning for a model that is a function"
        ):
            niah.sweep(model=lambda prompt: "42", lengths="500", depths=[0], **{key: value})
    with pytest.raises(niah.NiahError, match="takes --as text, not 'pages'"):
        niah.sweep(model=lambda prompt: "42", lengths="500", depths=[0], sent_as="pages")
    assert not Path("results").exists()


# event loops, interrupts


@pytest.mark.slow
def test_a_sweep_works_where_a_loop_runs_and_an_awaited_one_does_not_block_it() -> None:
    async def notebook() -> tuple[int, float | None, float | None]:
        blocking = niah.sweep(**SMALL, name="blocking")
        answered, ticked = threading.Event(), asyncio.Event()

        def model(prompt: str) -> str:
            assert answered.wait(60)  # until the loop has run
            return task_of("single").solve(prompt)

        async def tick() -> None:
            ticked.set()
            answered.set()

        ticking = asyncio.get_running_loop().create_task(tick())
        awaited = await niah.async_sweep(
            model=model, lengths="500", depths=[0, 100], name="awaited"
        )
        await ticking
        return ticked.is_set(), blocking.grid.whole.mean, awaited.grid.whole.mean

    assert asyncio.run(notebook()) == (True, 1.0, 1.0)


def model_that(stops: Callable[[], None]) -> Callable[[str], str]:
    """A model that calls that once, behind the small requests."""
    asked = iter(range(1_000))

    def model(prompt: str) -> str:
        if next(asked) == 4:
            stops()
        return task_of("single").solve(prompt)

    return model


MANY: dict[str, Any] = {"lengths": "500", "depths": "0:100:5", "concurrency": 1, "name": "r"}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a sweep was told to stop: the answer that waits for it is the last one."""
    event, stop = threading.Event(), Stoppable.stop

    def stopped(observer: Stoppable) -> None:
        stop(observer)
        event.set()

    monkeypatch.setattr(Stoppable, "stop", stopped)
    return event


def resumes_after_a_part() -> bool:
    kept = niah.open_run("r")
    assert 0 < len(kept.rows) < 21
    assert {r.outcome.value for r in kept.rows.values()} == {"scored"}
    assert not kept.complete
    return niah.sweep(model=model_that(lambda: None), **MANY).complete


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent to a thread")
def test_an_interrupt_drains_is_raised_and_leaves_a_run_that_resumes(
    heard: threading.Event,
) -> None:
    main = threading.main_thread().ident or 0

    def interrupts() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        assert heard.wait(60)

    with pytest.raises(KeyboardInterrupt):
        niah.sweep(model=model_that(interrupts), **MANY)
    assert resumes_after_a_part()


@pytest.mark.slow
def test_cancelling_an_awaited_sweep_keeps_what_was_in_flight(heard: threading.Event) -> None:
    async def cancelled() -> None:
        loop = asyncio.get_running_loop()

        def cancels() -> None:
            loop.call_soon_threadsafe(task.cancel)
            assert heard.wait(60)

        task = asyncio.ensure_future(niah.async_sweep(model=model_that(cancels), **MANY))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert resumes_after_a_part()


# what a run knows


@pytest.mark.slow
def test_trials_are_flat_rows_of_plain_values_that_pandas_takes() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: pip install '.[dev]'")
    swept = niah.sweep(**{**SMALL, "model": "blind"}, controls=True, name="r")
    rows = swept.trials
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    assert all(type(value) in PLAIN for row in rows for value in row.values())
    table = pandas.DataFrame(rows)
    ordinary = table[table.control.isna()]
    assert ordinary.score.mean() == swept.grid.whole.mean == 0.0
    assert ordinary.groupby(["context_length", "depth_percent"]).size().to_dict() == {
        (c.context_length, c.depth_percent): c.n for c in swept.grid.cells
    }
    assert (table.prompt_tokens == table.input_tokens).all()  # as the reader counted
    assert set(table.control.dropna()) == {"absent", "closed-book", "oracle"}


@pytest.mark.parametrize(
    ("outcome", "complete"),
    [(Outcome.ERROR, False), (Outcome.REFUSED, True), (Outcome.MISMATCH, True)],
)
def test_a_run_is_complete_when_nothing_is_missing_and_nothing_is_an_error(
    outcome: Outcome, complete: bool
) -> None:
    of = header(epochs=1)
    first = trials(of)[0].id
    assert (
        niah.open_run(
            run(Path("results/r"), of, lambda t: outcome if t.id == first else 1.0)
        ).complete
        is complete
    )
    write_log(Path("results/part"), of, results(of)[1:])
    assert not niah.open_run("part").complete


@pytest.mark.slow
def test_a_run_shows_its_picture_and_what_is_to_be_known() -> None:
    swept = niah.sweep(model=model_that(lambda: None), lengths="500", depths=[0], name="<b>")
    assert swept._repr_png_().startswith(b"\x89PNG")
    shown = swept._repr_html_()
    assert re.search(r'<img alt="[^"<>]*" src="data:image/png;base64,iVBOR', shown)
    assert "does not say how many prompt tokens it counted" in shown
    warned = replace(swept, said=("<script>",), stopped="<i>")._repr_html_()
    assert "<li>&lt;script&gt;</li>" in warned
    assert "stopped early: &lt;i&gt;" in warned
    assert "<b>" not in shown
    assert repr(swept) == "<Run results/<b>: model, single, 100 % found (n = 1)>"
    assert swept.heatmap("again.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert swept.heatmap() == swept.folder / "heatmap.png"
    assert "model: 100 % found" in swept.summary()


def test_the_shipped_example_is_opened_and_never_written_to() -> None:
    shown = niah.open_run("example")
    assert shown.complete
    assert shown.heatmap() == Path("results/example-heatmap.png")


# verdicts


def test_a_gate_is_the_command_s(niah: Niah) -> None:
    import niah as package

    of = header()
    run(Path("results/old"), of)
    run(Path("results/new"), of, wrong_in(20, of))
    Path("gate.toml").write_text("min_found = 0.95\n")
    command = niah("gate", "new", "--baseline", "old", "--config", "gate.toml", "--json")
    judged = package.gate("new", "gate.toml", baseline="old")
    told = json.loads(command.out)
    assert (judged.exit_code, judged.verdict) == (command.exit_code, Verdict.FAIL)
    assert list(judged.reasons) == told["reasons"]
    assert (
        package.open_run("new").gate(GateConfig(min_found=0.95), baseline=package.open_run("old"))
        == judged
    )
    assert package.gate("new", min_found=0.95, baseline=Path("results/old")) == judged


def test_a_baseline_may_be_a_file(niah: Niah) -> None:
    import niah as package

    run(Path("results/old"), header())
    niah("baseline", "save", "old")
    assert package.gate("old", baseline="baselines/old.json").verdict is not Verdict.FAIL


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing to judge"),
        ({"min_foun": 0.9}, "did you mean 'min_found'"),
        ({"min_found": 1.0}, "below 1"),
        ({"max_drop": 0.1}, "gates against a baseline"),
        ({"baseline": "r"}, "its own baseline"),
        ({"baseline": "nothing"}, "no run here"),
        ({"config": "gate.toml", "min_found": 0.9}, "give one of the two"),
    ],
    ids=str,
)
def test_gates_that_cannot_be_judged_are_one_clear_line(
    given: dict[str, Any], message: str
) -> None:
    run(Path("results/r"), header())
    with pytest.raises(niah.NiahError, match=message) as raised:
        niah.gate("r", **given)
    assert "\n" not in str(raised.value)


def test_a_comparison_says_what_the_newer_run_has_lost() -> None:
    of = header()
    run(Path("results/old"), of)
    run(Path("results/new"), of, wrong_in(7, of))
    change = niah.compare("old", "new").whole
    assert (change.lost, change.gained) == (7, 0)
    back = niah.compare(older="new", newer="old").whole
    assert (back.lost, back.gained) == (0, 7)
    assert niah.open_run("new").compare("old").whole == change


# before a run


@pytest.mark.slow
@pytest.mark.parametrize("values", ["number", "uuid"])
@pytest.mark.parametrize("given", [None, 200])
def test_power_prices_the_prompts_that_a_run_sends(values: str, given: int | None) -> None:
    settings: dict[str, Any] = {
        "provider": "openai", "model": "m", "lengths": "1k,4k", "depths": "0,50,100",
        "value_kind": values,
        "price": {"input": 1_000.0, "output": 1_000.0}, "reply_tokens": given,
    }  # fmt: skip
    found = niah.power(**settings)
    for row, epochs in zip(found.rows, EPOCHS, strict=True):
        planned = niah.plan(**settings, epochs=epochs)
        assert (row.pairs, row.prompt_tokens) == (planned.trials, planned.prompt_tokens)
        assert row.dollars == pytest.approx(planned.price.dollars)
    built = list(niah.build(**{**settings, "price": None}))
    assert sum(int(str(line["prompt_tokens"])) for line in built) == found.rows[0].prompt_tokens


def test_a_uuid_has_more_room_than_a_number_in_plan_power_and_prompt() -> None:
    room = {}
    for values in ("number", "uuid"):
        grid: dict[str, Any] = {"lengths": "1k", "depths": "0", "value_kind": values}
        line = next(iter(niah.build(**grid)))
        room[values] = int(str(line["reply_tokens"]))
        assert niah.power(**PERFECT, **grid).rows[0].prompt_tokens == 1_000 - room[values]
        assert niah.plan(**PERFECT, **grid).reply_tokens == room[values]
    assert room["uuid"] > room["number"] + 36


def test_a_smaller_loss_needs_more_trials_and_one_inside_the_margin_is_never_seen() -> None:
    ten, six = (niah.power(**SMALL, drop=drop).pairs_to_fail for drop in (10, 6))
    assert ten is not None
    assert six is not None
    assert ten < six
    inside = niah.power(**SMALL, drop=5, margin=6)
    assert (inside.inside_margin, inside.pairs_to_fail, inside.epochs_to_fail) == (True, None, None)
    with pytest.raises(niah.NiahError, match="--chance 0"):
        niah.power(**SMALL, chance=0)


@pytest.mark.slow
def test_a_plan_takes_its_speed_from_a_number_or_a_run() -> None:
    planned = niah.plan(**SMALL, speed=1_000)
    assert planned.seconds == planned.prompt_tokens / 1_000
    swept = niah.sweep(**SMALL, name="r")
    assert niah.plan(**SMALL, speed=swept) == niah.plan(**SMALL, speed="r") != planned
    assert niah.plan(**SMALL).seconds is None
    with pytest.raises(niah.NiahError, match="above 0"):
        niah.plan(**SMALL, speed=-1)


def test_what_is_built_is_what_the_command_writes(niah: Niah) -> None:
    import niah as package

    written = [
        json.loads(line)
        for line in niah("build", "--lengths", "1k", "--depths", "0,100").out.splitlines()
    ]
    assert (
        json.loads(json.dumps(list(package.build(lengths="1k", depths="0,100", verify=True))))
        == written
    )
    with pytest.raises(package.NiahError, match="needs a model"):
        package.build(form="openai-batch")
    with pytest.raises(package.NiahError, match="did you mean 'jsonl'"):
        package.build(form="json")


# parts of one's own


class DoorCode:
    """A task as a user writes it."""

    SUMMARY = "find the code of a door"
    VERSION = 1
    REPLY_TOKENS = 16
    WORDING: tuple[str, ...] = ()
    OPTIONS: tuple[str, ...] = ()
    FILLER: str | None = None

    def plant(self, draw: Draw, site: TaskContext) -> Planting:
        code = str(draw.between(100_000, 999_999))
        needle = Needle(key="door", value=code, text=f"By the way, the code of the door is {code}.")
        asked = "What is the code of the door?"
        return Planting(
            opening="Read this.\n\n",
            closing=f"\n\n{asked}\n\nAnswer:",
            question=asked,
            needles=(needle,),
            targets=(code,),
        )

    def score(self, text: str, planting: Planting) -> Score:
        return scorers.number(text, scorers.expected_of(planting))

    def solve(self, text: str, options: Options | None = None) -> str:
        found = re.search(r"the code of the door is (\d{6})", text)
        return found[1] if found else "The text does not say."


@pytest.mark.slow
def test_a_task_of_one_s_own_is_planted_asked_and_scored() -> None:
    swept = niah.sweep(**SMALL, task=DoorCode(), name="door")
    assert (swept.grid.task, swept.grid.whole.mean) == ("door-code", 1.0)
    assert {len(t["expected"]) for t in swept.trials} == {6}
    assert (
        niah.sweep(**{**SMALL, "model": "blind"}, task=DoorCode(), name="blind").grid.whole.mean
        == 0.0
    )
    given, named = (niah.plan(**SMALL, task=task) for task in (task_of("multikey"), "multikey"))
    assert (given, given.config.task) == (named, "multikey")


def test_prompts_of_a_run_are_built_again_and_its_answers_scored_again() -> None:
    swept = niah.sweep(**SMALL, task=DoorCode(), name="door")
    trial = swept.trials[0]
    prompt = swept.prompt(trial["id"], task=DoorCode())
    assert (prompt.digest, f"door is {trial['expected']}." in prompt.text) == (
        trial["prompt_digest"],
        True,
    )
    with pytest.raises(niah.NiahError, match="unknown task 'door-code'"):
        swept.prompt(trial["id"])
    with pytest.raises(niah.NiahError, match="holds no trial 'none'"):
        swept.prompt("none")

    class Strict(DoorCode):
        NAME = "door-code"

        def score(self, text: str, planting: Planting) -> Score:
            return Score(value=0.0, answer_class="wrong", explanation="never right")

    again = niah.rescore("door", task=Strict())
    assert (again.changed, again.run.grid.whole.mean) == (6, 0.0)
    assert niah.rescore(again.run, task=Strict()).changed == 0


def test_a_task_with_the_name_of_a_shipped_one_is_refused() -> None:
    mine = DoorCode()
    mine.NAME = "single"  # type: ignore[attr-defined]
    with pytest.raises(niah.NiahError, match="comes with niah; give yours another name"):
        niah.plan(**SMALL, task=mine)
    with pytest.raises(
        niah.NiahError, match="distractor_count has no meaning for task 'door-code'"
    ):
        niah.plan(**SMALL, task=DoorCode(), distractor_count=2)


SPEECH = "\n".join(
    f"Guest {n} told of boat number {n * n} and of the harbour at noon." for n in range(400)
)


def test_names_and_files_of_haystacks_are_not_mixed() -> None:
    mixed: Any = [Path("harbour.txt"), "en"]  # what a notebook may do
    with pytest.raises(niah.NiahError, match="names and files together"):
        niah.haystack(mixed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["texts", "file", "folder"])
def test_a_haystack_of_one_s_own_is_the_text_of_every_prompt(kind: str) -> None:
    Path("talks").mkdir()
    Path("talks/harbour.txt").write_text(SPEECH, encoding="utf-8")
    sources: dict[str, Any] = {
        "texts": {"harbour": SPEECH},
        "file": Path("talks/harbour.txt"),
        "folder": Path("talks"),
    }
    mine = niah.haystack(sources[kind], name="harbour")
    assert (mine.name, mine.language) == ("harbour", "en")
    lines = list(niah.build(lengths="1k", depths="0,100", haystack=mine))
    assert all("told of boat number" in str(line["messages"]) for line in lines)
    given = niah.plan(**SMALL, haystack=sources[kind])
    assert given.haystack_tokens == mine.tokens
    assert niah.sweep(**SMALL, haystack=mine, name="r").grid.haystack == "harbour"


@pytest.mark.slow
def test_a_prompt_of_another_text_is_not_taken_for_that_of_the_run() -> None:
    mine = niah.haystack({"a": SPEECH}, name="mine")
    other = niah.haystack({"a": SPEECH[100:]}, name="mine")
    swept = niah.sweep(**SMALL, haystack=mine, name="r")
    trial = swept.trials[0]
    assert swept.prompt(trial["id"], haystack=mine).digest == trial["prompt_digest"]
    with pytest.raises(niah.NiahError, match="haystack or niah have changed since"):
        swept.prompt(trial["id"], haystack=other)
    with pytest.raises(niah.NiahError, match="holds a run of another config"):
        niah.sweep(**SMALL, haystack=other, name="r")


def test_a_haystack_counted_otherwise_is_refused() -> None:
    with pytest.raises(
        niah.NiahError, match="counted in cl100k_base, the run counts in o200k_base"
    ):
        niah.plan(**SMALL, haystack=niah.haystack("en", tokenizer="cl100k_base"))
    with pytest.raises(niah.NiahError, match="give it no haystack"):
        niah.plan(**SMALL, task="passkey", haystack=niah.haystack({"a": SPEECH}))
    assert niah.plan(**SMALL, haystack=niah.haystack("en")) == niah.plan(**SMALL)


KEY = "open-sesame-open"


@pytest.mark.slow
def test_a_provider_of_one_s_own_reaches_its_server_and_its_key_is_told_to_nobody_else() -> None:
    with serving(otherwise=answers_with(task_of("single").solve)) as server:
        service = Service(provider="openai", model="mine", base_url=server.base_url, api_key=KEY)
        swept = niah.sweep(provider=provider_of(service), lengths="500", depths=[0, 100], name="r")
    assert (swept.grid.model, swept.grid.whole.mean) == ("mine", 1.0)
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert KEY not in (swept.folder / "run.jsonl").read_text(encoding="utf-8")
    with serving(otherwise=answers(f"You sent {KEY}.")) as server:
        service = Service(provider="openai", model="mine", base_url=server.base_url, api_key=KEY)
        told = niah.sweep(provider=provider_of(service), lengths="500", depths=[0], name="repeated")
    assert told.trials[0]["answer"] == "You sent [key]."
    repeats = fails(401, {"error": {"message": f"{KEY} is no key of ours"}})
    with (
        serving(otherwise=repeats) as server,
        pytest.raises(niah.NiahError, match=r"\[key\] is no key of ours"),
    ):
        service = Service(provider="openai", model="mine", base_url=server.base_url, api_key=KEY)
        niah.sweep(provider=provider_of(service), lengths="500", depths=[0], name="refused")


def test_a_function_is_a_model_that_counts_nothing() -> None:
    prompts: list[str] = []

    def my_model(prompt: str) -> str:
        prompts.append(prompt)
        return task_of("single").solve(prompt)

    swept = niah.sweep(model=my_model, lengths="500", depths=[0, 100], name="r")
    assert (swept.grid.model, swept.grid.whole.mean, swept.grid.simulated) == (
        "my_model",
        1.0,
        False,
    )
    assert {t["input_tokens"] for t in swept.trials} == {None}
    assert any("cannot be noticed" in warning for warning in swept.warnings)
    assert len(prompts) >= 2
