"""Other people's prompts and results: rows become trials, scored to the letter as their origin
scores them."""

from __future__ import annotations

import csv
import gzip
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Niah

import niah as package
from niah.errors import ConfigError, RunError
from niah.experiment.config import RunConfig
from niah.experiment.given import given_experiment
from niah.importers.prompts import nominal_length
from niah.runner.session import open_session
from niah.scorers.origins import RULES, Facts, rule_of

PEERS = REPOSITORY.parent / "shared" / "peer-results"
ROSES = "aYooSG8CQgRoses are red, tapirs are grey."
SIMULATED = ("--provider", "simulated", "--model", "perfect")
Table = dict[str, Any]


@pytest.mark.parametrize(
    ("rule", "targets", "answer", "score"),
    [
        (
            "ruler-all",
            ["1234567", "7654321", "1111111", "2222222"],
            "The numbers are 1234567, 7654321",
            0.5,
        ),
        ("ruler-all", ["1234567"], "12345678", 1.0),  # as the origin does
        ("ruler-all", ["KIMBV", "KUYAW", "OMYHK", "XVNTU", "XMHMK"], "KIMBV kuyaw OMYHK", 0.6),
        (
            "ruler-part",
            ["Saint Bernadette Soubirous", "Saint Bernadette"],
            "it was saint\x01Bernadette",
            0.0,
        ),
        (
            "ruler-part",
            ["Saint Bernadette Soubirous", "Saint Bernadette"],
            "It was Saint Bernadette",
            1.0,
        ),
        ("litm-kv", ["D1FF-be"], 'The value is "d1ff-be".', 1.0),
        ("litm-qa", ["The Wilhelm-Roentgen"], "wilhelmroentgen, in 1901\nnot he", 1.0),
        ("litm-qa", ["Roentgen"], "nobody\nRoentgen", 0.0),
        (
            "babilong qa1 Where is Mary?",
            ["garden"],
            "The most recent location of Mary is garden.",
            1.0,
        ),
        ("babilong qa1 Where is Mary?", ["garden"], "garden or kitchen", 0.0),
        (
            "babilong qa1 Where is Mary?",
            ["garden"],
            "Mary was in the kitchen. Now she is in the garden.",
            0.0,
        ),
        ("babilong qa1 Where is Mary?", ["garden"], "**Garden**", 1.0),
        ("babilong qa8 What is she carrying?", ["apple,milk"], "milk and apple", 1.0),
        ("babilong qa8 What is she carrying?", ["apple,milk"], "apple", 0.0),
        ("babilong qa6 Is he there?", ["no"], "I do not know", 1.0),  # as the origin does
        ("mrcr", [ROSES], ROSES, 1.0),
        ("mrcr", [ROSES], "aYooSG8CQgRoses are red", 0.5909),
        ("mrcr", [ROSES], " " + ROSES, 0.0),
        ("graphwalks", ["a", "b", "c"], "...\nFinal Answer: [a, b]", 0.8),
        ("graphwalks", ["a"], "Final Answer: [b]", 0.0),
        ("graphwalks", [], "Final Answer: []", 1.0),
        ("graphwalks", ["a"], "Final Answer: [a]\nThat is all.", 0.0),
        ("graphwalks", ["a"], "Final Answer: [a] and [b", 1.0),
        ("graphwalks", ["a"], "Final Answer: [b, Final Answer: [a]", 0.0),
        ("graphwalks", ["a"], "] Final Answer: [a", 0.0),
        ("nolima", ["Ann"], "Anna", 1.0),  # as the origin does
        ("nolima", ["Ann"], "ann", 0.0),
        ("contains", ["Blue"], "it was blue", 1.0),
    ],
)
def test_a_rule_scores_as_its_origin(
    rule: str, targets: list[str], answer: str, score: float
) -> None:
    name, _, rest = rule.partition(" ")
    task, _, question = rest.partition(" ")
    facts = Facts(
        targets=tuple(targets),
        task=task,
        question=question,
        prefix="aYooSG8CQg" if name == "mrcr" else "",
    )
    assert rule_of(name).score(answer, facts) == pytest.approx(score, abs=5e-5)


def test_ten_thousand_answers_are_scored_as_by_the_code_that_was_published() -> None:
    if not PEERS.is_dir():
        pytest.skip("published code of others is not on this machine")
    origin: Table = {}
    exec((PEERS / "babilong/metrics.py").read_text(encoding="utf-8"), origin)  # noqa: S102 - the origin's own rule
    labels, compare = origin["TASK_LABELS"], origin["compare_answers"]
    draw = random.Random(5)  # noqa: S311
    for _ in range(10_000):
        task = draw.choice(sorted(labels))
        words = [
            *labels[task],
            *map(str.upper, labels[task]),
            ".",
            "the",
            "Question",
            "<context>",
            "not",
            "\n",
        ]
        answer = draw.choice([" ", "", ", "]).join(
            draw.choice(words) for _ in range(draw.randint(0, 6))
        )
        target = draw.choice([draw.choice(labels[task]), ",".join(draw.sample(labels[task], 2))])
        question = f"Where is {draw.choice(words)}?"
        ours = RULES["babilong"].score(
            answer, Facts(targets=(target,), question=question, task=task)
        )
        assert ours == float(compare(target, answer, question, labels[task])), (
            task,
            target,
            answer,
            question,
        )


def rows_of(form: str) -> list[Table]:
    """Two small rows of each format, made by us."""
    filler = "The grass is green. " * 200
    chat = [
        {"role": "user", "content": "Write a poem."},
        {"role": "assistant", "content": "Roses. " * 90},
    ] * 3
    ask = {"role": "user", "content": "Prepend aYooSG8CQg to the 1st poem."}
    rows: dict[str, list[Table]] = {
        "ruler": [
            {"index": i, "input": f"{filler[: 900 * i]}One of them is {i}234567. {filler}",
             "outputs": [f"{i}234567"],
             "length": 4096, "answer_prefix": " The number is",
             "token_position_answer": 9} for i in (1, 2)
        ],
        "litm-kv": [
            {"ordered_kv_records": [[f"k{n}", f"v{n}{i}"] for n in range(40)], "key": "k10",
             "value": f"v10{i}"}
            for i in (1, 2)
        ],
        "litm-qa": [
            {"question": "who?", "answers": [f"Ada {i}"], "ctxs": [
                {"title": "T", "text": filler, "hasanswer": False, "isgold": False},
                {"title": "U", "text": f"It was Ada {i}.", "hasanswer": True,
                 "isgold": True}]} for i in (1, 2)
        ],
        "babilong": [
            {"input": f"{filler} Mary went to the {p}.", "question": "Where is Mary?", "target": p,
             "task": "qa1"}
            for p in ("garden", "kitchen")
        ],
        "mrcr": [
            {"prompt": json.dumps([*chat, {**ask, "content": ask["content"] + str(i)}]),
             "answer": "aYooSG8CQgRoses.",
             "random_string_to_prepend": "aYooSG8CQg", "n_needles": 2, "desired_msg_index": 1,
             "total_messages": 7}
            for i in (1, 2)
        ],
        "graphwalks": [
            {"prompt": f"a -> b{i}\n{filler}", "answer_nodes": [f"b{i}", "a"], "prompt_chars": 9,
             "problem_type": "bfs"}
            for i in (1, 2)
        ],
        "longmemeval": [
            {"question_id": f"q{i}", "question_type": "multi-session", "question": "What boat?",
             "answer": f"boat {i}",
             "question_date": "2023/05", "haystack_session_ids": ["a", "b"],
             "haystack_dates": ["2023/02", "2023/01"],
             "haystack_sessions": [[{"role": "user", "content": f"I took boat {i}.",
                                     "has_answer": True}],
                                   [{"role": "user", "content": filler}]],
                                   "answer_session_ids": ["a"]}
            for i in (1, 2)
        ],
        "nolima": [
            {"text": f"{filler} Yuki{i} lives there.", "retrieval_question": "Who?",
             "gold_answers": [f"Yuki{i}"],
             "system_prompt": "You are helpful.", "task_template": "Read:\n{haystack}\n{question}",
             "depth": 0.9}
            for i in (1, 2)
        ],
        "jsonl": [
            {"prompt": f"{filler} The code is {i}77.", "targets": [f"{i}77"], "depth_percent": 99,
             "id": f"own-{i}"}
            for i in (1, 2)
        ],
    }  # fmt: skip
    return rows[form]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "rule", "depths"),
    [
        ("ruler", "ruler-all@1", {20.0, 30.0}), ("litm-kv", "litm-kv@1", {30.0}),
        ("litm-qa", "litm-qa@1", {100.0}),
        ("babilong", "babilong@1", {0.0}), ("mrcr", "mrcr@1", {10.0}),
        ("graphwalks", "graphwalks@1", {0.0}),
        ("longmemeval", "contains@1", {100.0}), ("nolima", "nolima@1", {90.0}),
        ("jsonl", "contains@1", {100.0}),
    ],
)  # fmt: skip
def test_rows_of_another_benchmark_are_run_resumed_shown_and_scored_again(
    niah: Niah, form: str, rule: str, depths: set[float]
) -> None:
    folder = Path("niah_single_1")
    folder.mkdir()
    with gzip.open(folder / "validation.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows_of(form)))
    (folder / "validation.jsonl.gz").rename(folder / "validation.json.gz")
    ended = niah("import-prompts", folder, "--format", form, "--out", "p.jsonl")
    assert (ended.exit_code, "2 prompts" in ended.err) == (0, True), ended.err
    run = ("run", "--prompts", "p.jsonl", *SIMULATED, "--name", "r")
    assert niah(*run, "--limit", "1").exit_code == 3
    assert niah(*run).exit_code == 0
    trials = package.open_run("r").trials
    assert [t["score"] for t in trials] == [1.0, 1.0]
    assert {t["explanation"] for t in trials} == {f"by {rule}"}
    assert {t["depth_percent"] for t in trials} == depths
    assert all(t["prompt_tokens"] < t["context_length"] for t in trials)
    assert "Nothing to do" in niah(*run).err
    shown = niah("show", "r", trials[0]["id"])
    assert shown.exit_code == 0, shown.err
    assert niah("score", "r").exit_code == 0
    assert niah("plan", "--prompts", "p.jsonl", *SIMULATED).exit_code == 0
    Path("p.jsonl").write_text(Path("p.jsonl").read_text().replace("2", "3"))
    assert "the text of the haystack has changed" in niah(*run).err


@pytest.mark.parametrize(
    "flags",
    [
        ("--lengths", "1k"),
        ("--task", "kv"),
        ("--delivery", "window:1k"),
        ("--controls",),
        ("--as", "chat"),
    ],
)
def test_a_setting_of_prompts_of_ours_is_refused_beside_given_ones(
    niah: Niah, flags: tuple[str, ...]
) -> None:
    ended = niah("run", "--prompts", "p.jsonl", *SIMULATED, *flags)
    assert (ended.exit_code, "has no meaning with --prompts" in ended.err) == (2, True)


def test_a_chat_goes_out_in_its_turns(niah: Niah) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of("mrcr")))
    niah("import-prompts", "rows.jsonl", "--format", "mrcr", "--out", "p.jsonl")
    niah("build", "--prompts", "p.jsonl", "--out", "b.jsonl")
    line = json.loads(Path("b.jsonl").read_text().splitlines()[0])
    assert [m["role"] for m in line["messages"]] == ["user", "assistant"] * 3 + ["user"]


@pytest.mark.parametrize(
    ("form", "system", "place"),
    [
        ("anthropic-batch", {"system": "You are helpful."}, ("params", "messages")),
        (
            "gemini-batch",
            {"systemInstruction": {"parts": [{"text": "You are helpful."}]}},
            ("request", "contents"),
        ),
    ],
)
def test_a_system_message_stands_where_a_service_wants_it(
    niah: Niah, form: str, system: Table, place: tuple[str, str]
) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of("nolima")))
    niah("import-prompts", "rows.jsonl", "--format", "nolima", "--out", "p.jsonl")
    ended = niah(
        "build", "--prompts", "p.jsonl", "--model", "m", "--format", form, "--out", "b.jsonl"
    )
    assert ended.exit_code == 0, ended.err
    body = json.loads(Path("b.jsonl").read_text().splitlines()[-1])[place[0]]
    assert {key: body[key] for key in system} == system
    (message,) = body[place[1]]
    assert message["role"] == "user"
    assert "helpful" not in json.dumps(message)
    assert "Yuki2 lives there" in json.dumps(message)


def test_a_field_that_would_replace_a_system_message_is_refused(niah: Niah) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of("nolima")))
    niah("import-prompts", "rows.jsonl", "--format", "nolima", "--out", "p.jsonl")
    asked = (
        "build",
        "--prompts",
        "p.jsonl",
        "--model",
        "m",
        "--format",
        "anthropic-batch",
        "--extra",
    )
    ended = niah(*asked, "system=Be brief.")
    assert (ended.exit_code, "would replace the system message" in ended.err) == (2, True)
    assert niah(*asked, "temperature=0", "--run", "old").exit_code == 0
    plan = Path("results/old/planned.json")
    plan.write_text(
        plan.read_text().replace('"temperature":0', '"system":"Be brief."')
    )  # as it was taken before
    Path("answers.jsonl").write_text("")
    ended = niah("collect", "answers.jsonl", "--run", "old")
    assert "would replace" not in ended.err, ended.err


def test_the_asked_pair_is_moved_as_the_origin_moves_it(niah: Niah) -> None:
    Path("rows.jsonl").write_text(json.dumps(rows_of("litm-kv")[0]))
    niah("import-prompts", "rows.jsonl", "--format", "litm-kv", "--gold", "0", "--out", "p.jsonl")
    line = json.loads(Path("p.jsonl").read_text())
    assert line["messages"][0]["content"].startswith(
        "Extract the value corresponding to the specified key in the JSON object below.\n\n"
        'JSON data:\n{"k10": "v101",\n "k0": "v01",\n'
    )
    assert line["messages"][0]["content"].endswith(
        '"k39": "v391"}\n\nKey: "k10"\nCorresponding value:'
    )
    assert line["depth_percent"] == 0


def test_what_is_no_row_of_a_format_is_one_line(niah: Niah) -> None:
    Path("rows.jsonl").write_text('{"input": "x"}\n')
    ended = niah("import-prompts", "rows.jsonl", "--format", "ruler", "--out", "p.jsonl")
    assert (ended.exit_code, ended.err) == (
        2,
        "niah: rows.jsonl: row 1 is none of ruler ('outputs' is missing)\n",
    )
    assert (
        "cannot be read as JSON"
        in niah("import-prompts", __file__, "--format", "jsonl", "--out", "p.jsonl").err
    )
    assert (
        "unknown format"
        in niah("import-prompts", "rows.jsonl", "--format", "x", "--out", "p.jsonl").err
    )
    assert (
        "make it with niah import-prompts" in niah("run", "--prompts", "rows.jsonl", *SIMULATED).err
    )


def test_of_a_given_prompt_no_place_of_a_needle_is_made_up(niah: Niah) -> None:
    row = {"prompt": "It was forty-two. What was it?", "targets": ["42"], "depth_percent": 50}
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    assert (
        niah("import-prompts", "rows.jsonl", "--format", "jsonl", "--out", "p.jsonl").exit_code == 0
    )
    assert niah("run", "--prompts", "p.jsonl", *SIMULATED, "--name", "r").exit_code == 0
    shown = niah("show", "r", package.open_run("r").trials[0]["id"])
    assert (shown.exit_code, ">>>" in shown.out, "expected  42" in shown.out) == (
        0,
        False,
        True,
    ), shown.out


ROW: Table = {"prompt": "The code is 77.", "targets": ["77"]}
ODD = [
    ({"context_length": "4k"}, "context_length '4k'"),
    ({"context_length": -4}, "context_length -4"),
    ({"context_length": 10**400}, "context_length 1000"),
    ({"reply_tokens": -1}, "reply_tokens -1"), ({"reply_tokens": float("inf")}, "infinity"),
    ({"rule": "contians"}, "did you mean 'contains'"),
    ({"targets": [""]}, "none of them empty"), ({"targets": []}, "no target"),
    ({"depth_percent": True}, "from 0 to"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "is one text"),
    ({"messages": [{"role": "user", "content": None}]}, "is one text"),
    ({"prompt": 5}, "is one text"), ({"id": "\ud800"}, "surrogates"),
    ({"question": "\ud800"}, "surrogates"),
    ({"rule": "babilong", "task": "qa2024"}, "unknown task of BABILong 'qa2024'"),
    ({"rule": "babilong"}, "'prompts'"),
    ({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]},
     "is the first"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), ODD)
def test_a_row_that_cannot_be_asked_or_scored_is_named(
    tmp_path: Path, changes: Table, said: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | changes))
    with pytest.raises(RunError, match=f"row 2 is none of jsonl .*{said}"):
        package.import_prompts(tmp_path / "rows.jsonl", "jsonl", tmp_path / "p.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]  # no half file stays behind


@pytest.mark.parametrize(
    "changes",
    [
        {"context_length": "4k"}, {"depth_percent": "50"}, {"depth_percent": 500},
        {"prompt_tokens": "x"},
        {"reply_tokens": None}, {"targets": "77"}, {"targets": [7]}, {"messages": []},
        {"task": ["t"]}, {"rule": "no"}, {"id": "\ud800"},
    ],
)  # fmt: skip
def test_a_line_of_prompts_that_was_changed_by_hand_is_named(
    tmp_path: Path, changes: Table
) -> None:
    path = tmp_path / "p.jsonl"
    (tmp_path / "rows.jsonl").write_text(
        json.dumps(ROW) + "\n" + json.dumps({**ROW, "prompt": "77?"})
    )
    package.import_prompts(tmp_path / "rows.jsonl", "jsonl", path)
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps(json.loads(second) | changes)}\n")
    with pytest.raises(ConfigError, match="line 2 cannot be read"):
        given_experiment(RunConfig(prompts=str(path)))


def test_the_probability_of_an_answer_is_not_asked_of_a_chat_as_of_one_text(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows_of("mrcr")[0]))
    package.import_prompts(tmp_path / "rows.jsonl", "mrcr", tmp_path / "p.jsonl")
    with pytest.raises(ConfigError, match=r"p\.jsonl holds chats"):
        package.plan(
            prompts=str(tmp_path / "p.jsonl"), provider="vllm", model="m", target_logprob=True
        )


def test_a_packed_file_that_is_cut_off_and_odd_settings_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROW).encode() * 99)[:-12])
    (tmp_path / "list.json").write_text("[1]")
    out = tmp_path / "p.jsonl"
    with pytest.raises(RunError, match="cannot be read as JSON"):
        package.import_prompts(tmp_path / "rows.jsonl.gz", "jsonl", out)
    for settings in ("list.json", "rows.jsonl.gz", "nowhere.json"):
        with pytest.raises(RunError, match=settings):
            package.import_prompts(
                tmp_path / "rows.jsonl.gz", "babilong", out, settings=tmp_path / settings
            )
    with pytest.raises(ConfigError, match="1 or more"):
        package.import_prompts(tmp_path / "rows.jsonl.gz", "jsonl", out, limit=-1)


def test_a_plan_tells_the_largest_prompt_and_not_what_fits_its_column(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW))
    package.import_prompts(tmp_path / "rows.jsonl", "jsonl", tmp_path / "p.jsonl")
    tokens = json.loads((tmp_path / "p.jsonl").read_text())["prompt_tokens"]
    plan = package.plan(prompts=str(tmp_path / "p.jsonl"), provider="simulated", model="perfect")
    assert f"{tokens} in prompts, {tokens} in the largest" in str(plan)


def test_a_picture_says_of_how_many_prompts_nobody_knows_the_depth(tmp_path: Path) -> None:
    cases: list[tuple[list[int | None], str]] = [
        ([5, 95], "the answer"), ([None, 95], "the answer (not told of 1 of 2, which are at 0)"),
        ([None, None], "the answer (not told: all at 0)"),
    ]  # fmt: skip
    for depths, said in cases:
        rows = [{**ROW, "depth_percent": depth, "id": str(n)} for n, depth in enumerate(depths)]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        package.import_prompts(tmp_path / "rows.jsonl", "jsonl", tmp_path / "p.jsonl")
        experiment = given_experiment(
            RunConfig(prompts=str(tmp_path / "p.jsonl"), provider="simulated")
        )
        assert experiment.header().design.depth_of == said


def test_a_server_that_is_told_its_window_hears_of_the_longest_prompt_and_not_of_its_column(
    tmp_path: Path,
) -> None:
    row = {**ROW, "prompt": "The code is 77. " * 900, "context_length": 100}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    package.import_prompts(tmp_path / "rows.jsonl", "jsonl", tmp_path / "p.jsonl")
    tokens = json.loads((tmp_path / "p.jsonl").read_text())["prompt_tokens"]
    experiment = given_experiment(
        RunConfig(prompts=str(tmp_path / "p.jsonl"), provider="ollama", model="m")
    )
    with open_session(experiment, print) as session:
        request = session.provider.request(experiment.prompt(experiment.trials[0]))
    assert json.loads(b"".join(request.body))["options"]["num_ctx"] >= tokens + 256


def test_the_task_of_a_row_of_babilong_is_told_by_its_file_and_not_by_a_folder_above(
    tmp_path: Path,
) -> None:
    path = tmp_path / "qa2024" / "qa1.jsonl"
    path.parent.mkdir()
    path.write_text(
        json.dumps({"input": "Mary went home.", "question": "Where is Mary?", "target": "garden"})
    )
    package.import_prompts(path, "babilong", tmp_path / "p.jsonl")
    assert json.loads((tmp_path / "p.jsonl").read_text())["task"] == "qa1"


def test_of_a_folder_only_the_files_of_rows_are_read(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.part", "a.json~"):
        (tmp_path / name).write_text(json.dumps(ROW))
    assert package.import_prompts(tmp_path, "jsonl", tmp_path / "p.txt") == 1


@pytest.mark.parametrize(
    ("tokens", "column"), [(1, 1), (101, 120), (999, 1_000), (1_001, 1_200), (4_411, 5_000)]
)
def test_a_column_holds_its_prompts(tokens: int, column: int) -> None:
    assert nominal_length(tokens) == column


@pytest.mark.slow
def test_published_answers_of_babilong_give_its_table(niah: Niah) -> None:
    if not PEERS.is_dir():
        pytest.skip("published answers of others are not on this machine")
    ended = niah(
        "import-results",
        PEERS / "babilong/gemini-3-flash-preview",
        "--format",
        "babilong",
        "--name",
        "b",
    )
    assert ended.exit_code == 0, ended.err
    table = {
        line.split("\t")[0]: line.split("\t")[1:] for line in ended.err.splitlines() if "\t" in line
    }
    means = [float(row[-1]) for length, row in table.items() if length != "length"]
    assert means == [96.5, 95.4, 93.7, 89.0, 82.3, 74.5, 63.6, 59.4, 48.4, 51.6, 50.6]
    assert [row[0] for row in table.values()][1:] == [
        "100.0", "99.9", "99.8", "99.5", "99.7", "91.3", "77.2", "75.0", "66.0", "61.0", "57.0"
    ]  # fmt: skip
    assert Path("results/b/suite.png").is_file()
    assert niah("report", "results/b/qa3").exit_code == 0


@pytest.mark.slow
def test_predictions_of_ruler_and_logs_of_inspect_become_runs(niah: Niah) -> None:
    folder = Path("m/synthetic/4096/pred")
    folder.mkdir(parents=True)
    for task, outputs in (("niah_single_1", ["77"]), ("qa_1", ["Ada", "Bea"])):
        rows = [{"index": i, "input": "x 77 x", "outputs": outputs, "pred": pred, "others": {},
                 "length": 4000}
                for i, pred in enumerate(["it is 77, Ada", "no"])]  # fmt: skip
        (folder / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "--model NAME" in niah("import-results", "m", "--format", "ruler").err
    assert (
        niah(
            "import-results", "m", "--format", "ruler", "--model", "m", "--name", "ruler"
        ).exit_code
        == 0
    )
    assert [t["score"] for t in package.open_run("results/ruler/qa_1").trials] == [1.0, 0.0]
    about = {"target_context_length": 1000, "target_position": 50, "position": 400}
    samples = [
        {"id": f"s{n}", "epoch": 1, "input": "n", "target": "t", "metadata": about,
         "scores": {"g": {"value": value}},
         "output": {"choices": [{"message": {"role": "assistant", "content": "a"},
                                 "stop_reason": "stop"}]}}
        for n, value in enumerate([10, 1, None])
    ]  # fmt: skip
    header = {"version": 2, "status": "success", "eval": {"task": "niah", "model": "openai/m"}}
    Path("log.json").write_text(json.dumps({**header, "samples": samples}))
    with zipfile.ZipFile("log.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    for name in ("log.json", "log.eval"):
        assert niah("import-results", name, "--format", "inspect", "--name", name).exit_code == 0
        assert [t["score"] for t in package.open_run(f"results/{name}").trials] == [1.0, 0.0, None]


def test_a_damaged_file_of_published_results_is_one_line(niah: Niah) -> None:
    with Path("qa1_4k_x.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["", "target", "output"], ["0", "a", "b"]])
    for name, form in (("qa1_4k_x.csv", "babilong"), (__file__, "inspect"), (__file__, "ruler")):
        ended = niah("import-results", name, "--format", form, "--model", "m")
        assert (ended.exit_code, ended.err.count("\n")) == (2, 1), ended.err
