"""Prompts of other benchmarks as one kind of line: what ``niah run --prompts`` asks and scores.

A line has ``id``, ``messages``, ``targets``, ``rule`` (see niah/scorers/origins.py), ``task``,
``question``, ``prefix``, ``reply_tokens``, ``prompt_tokens`` (counted by us), ``context_length``
(the column it is drawn in) and ``depth_percent`` (None where it cannot be known). Rows are the
user's files; none are shipped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from niah.errors import RunError, UnknownName
from niah.importers import json_of, rows_of
from niah.scorers.origins import check_line
from niah.text.lengths import length_of
from niah.text.outside import json_in

Row = Mapping[str, Any]
Line = dict[str, Any]
Count = Callable[[str], int]
_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
# what a row that is none of a format raises
_ODD = (UnknownName, LookupError, TypeError, AttributeError, ValueError, OverflowError)
_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # of the columns, between 10, 100, 1,000 ... tokens
_BABILONG = "<context>\n{context}\n</context>\n\nQuestion: {question}"
_KV = (
    "Extract the value corresponding to the specified key in the JSON object below.\n\n"
    'JSON data:\n{records}\n\nKey: "{key}"\nCorresponding value:'
)
_QA = (
    "Write a high-quality answer for the given question using only the provided search results "
    "(some of which might be irrelevant).\n\n{documents}\n\nQuestion: {question}\nAnswer:"
)
_CHATS = (
    "I will give you several history chats between you and a user. "
    "Please answer the question based on the relevant chat history.\n\n\n"
    "History Chats:\n\n{history}\n\nCurrent Date: {date}\nQuestion: {question}\nAnswer:"
)
_SESSION = "\n### Session {number}:\nSession Date: {date}\nSession Content:\n\n{turns}\n"


def ruler(row: Row, file: Path, settings: Row) -> Line:
    """RULER's generators: input, answer_prefix and outputs; the file or folder names the task."""
    prompt, targets = row["input"] + row.get("answer_prefix", ""), _texts(row["outputs"])
    stem = file.name.partition(".")[0]
    task = file.parent.name if stem in ("validation", "test") else stem
    place = row["input"].find(targets[0]) if targets else -1
    share = 100 * len(prompt[: max(0, place)].encode()) / max(1, len(prompt.encode()))
    budget = {"vt": 30, "cwe": 120, "fwe": 50, "qa": 32}.get(task.split("_")[0], 128)
    depth = share if task.startswith("niah") and place >= 0 else None
    rule = "part" if task.startswith("qa") else "all"
    return _asked(prompt, targets, f"ruler-{rule}", budget, task=task, depth_percent=depth)


def litm_kv(row: Row, file: Path, settings: Row) -> Line:
    """lost-in-the-middle's key-value rows, in its prompt; ``--gold`` moves the asked pair."""
    records = [tuple(map(str, pair)) for pair in row["ordered_kv_records"]]
    asked, gold = (str(row["key"]), str(row["value"])), settings.get("gold")
    if gold is not None:
        records.remove(asked)
        records.insert(int(gold), asked)
    lines = ",\n ".join(f'"{key}": "{value}"' for key, value in records)
    prompt = _KV.format(records=f"{{{lines}}}", key=row["key"])
    depth = 100 * records.index(asked) / max(1, len(records) - 1)
    about = {"task": f"kv-{len(records)}", "question": row["key"], "depth_percent": depth}
    return _asked(prompt, (row["value"],), "litm-kv", 100, **about)


def litm_qa(row: Row, file: Path, settings: Row) -> Line:
    numbered = enumerate(row["ctxs"], 1)
    documents = [f"Document [{n}](Title: {d['title']}) {d['text']}" for n, d in numbered]
    gold = next((n for n, d in enumerate(row["ctxs"]) if d.get("isgold")), None)
    prompt = _QA.format(documents="\n".join(documents), question=row["question"])
    depth = None if gold is None else 100 * gold / max(1, len(documents) - 1)
    about = {"task": f"qa-{len(documents)}", "question": row["question"], "depth_percent": depth}
    return _asked(prompt, _texts(row["answers"]), "litm-qa", 100, **about)


def babilong(row: Row, file: Path, settings: Row) -> Line:
    """BABILong's rows: input, question, target; ``--settings`` is the file of a published run."""
    named = re.findall(r"qa\d+", str(row.get("task") or file.as_posix()))
    if not named:
        raise ValueError("no task qa1 to qa20, neither in the row nor in the name of its file")
    prompt = settings.get("prompt", {})
    parts = {key: prompt.get(key, "") for key in ("instruction", "examples", "post_prompt")}
    template, context = prompt.get("template", _BABILONG), row["input"].strip()
    text = template.format(context=context, question=row["question"], **parts).strip()
    length = re.search(r"(?:^|[_/-])(\d+[kM])(?=[_/.-])", file.as_posix())
    budget = int(settings.get("generate_kwargs", {}).get("max_output_tokens", 20))
    column = length_of(length[1]) if length and length[1] != "0k" else None
    about = {"task": named[-1], "question": row["question"], "context_length": column}
    return _asked(text, (row["target"],), "babilong", budget, **about)


def mrcr(row: Row, file: Path, settings: Row) -> Line:
    messages = json_in(row["prompt"]) if isinstance(row["prompt"], str) else row["prompt"]
    where, whole = row.get("desired_msg_index"), row.get("total_messages")
    return _asked(
        messages,
        (row["answer"],),
        "mrcr",
        4_000,
        task=f"mrcr-{row['n_needles']}-needles",
        question=str(messages[-1]["content"]),
        prefix=row["random_string_to_prepend"],
        depth_percent=None if where is None or not whole else min(100.0, 100 * where / whole),
    )


def graphwalks(row: Row, file: Path, settings: Row) -> Line:
    nodes = row["answer_nodes" if "answer_nodes" in row else "answer"]
    task = f"graphwalks-{row.get('problem_type', 'any')}"
    return _asked(row["prompt"], _texts(nodes), "graphwalks", 4_000, task=task)


def longmemeval(row: Row, file: Path, settings: Row) -> Line:
    """LongMemEval's rows, all sessions in one prompt as of its run_generation (orig-session, json).

    The origin has a judge model score answers; here the rule is ``contains``, and ``niah judge``
    asks a model.
    """
    dated = zip(row["haystack_dates"], row["haystack_sessions"], strict=True)
    history, place = "", None
    for number, (date, session) in enumerate(sorted(dated, key=lambda pair: pair[0]), 1):
        if place is None and any(turn.get("has_answer") for turn in session):
            place = len(history)
        turns = [{k: v for k, v in turn.items() if k != "has_answer"} for turn in session]
        history += _SESSION.format(number=number, date=date, turns=json.dumps(turns))
    question = row["question"]
    prompt = _CHATS.format(history=history, date=row["question_date"], question=question)
    depth = None if place is None else 100 * place / len(history)
    about = {"task": str(row["question_type"]), "question": question, "id": row["question_id"]}
    return _asked(prompt, (str(row["answer"]),), "contains", 800, depth_percent=depth, **about)


def nolima(row: Row, file: Path, settings: Row) -> Line:
    """NoLiMa's placements: haystack text, question and gold_answers in the template of its tester.

    Its needle sets and books are under a licence of their own; what it logged is asked again.
    """
    question, answers = row["retrieval_question"], _texts(row["gold_answers"])
    text = row["task_template"].format(haystack=row["text"], question=question)
    messages = [{"role": "user", "content": text}]
    if row.get("system_prompt"):
        messages.insert(0, {"role": "system", "content": row["system_prompt"]})
    depth = None if row.get("depth") is None else 100 * float(row["depth"])
    about = {"task": str(row.get("test_name", "nolima")), "question": question}
    return _asked(messages, answers, "nolima", 192, depth_percent=depth, **about)


def own(row: Row, file: Path, settings: Row) -> Line:
    """Any rows: messages or prompt, targets, and what else a line may have."""
    return _asked(
        row["messages"] if "messages" in row else [{"role": "user", "content": row["prompt"]}],
        _texts(row["targets"]),
        row.get("rule", "contains"),
        int(row.get("reply_tokens", 256)),
        task=str(row.get("task", "prompts")),
        question=str(row.get("question", "")),
        prefix=str(row.get("prefix", "")),
        depth_percent=row.get("depth_percent"),
        context_length=row.get("context_length"),
        id=None if row.get("id") is None else str(row["id"]),
    )


FORMATS: Mapping[str, Callable[[Row, Path, Row], Line]] = {
    "ruler": ruler,
    "litm-kv": litm_kv,
    "litm-qa": litm_qa,
    "babilong": babilong,
    "mrcr": mrcr,
    "graphwalks": graphwalks,
    "longmemeval": longmemeval,
    "nolima": nolima,
    "jsonl": own,
}


def settings_in(path: Path) -> dict[str, Any]:
    """The settings of a published run. Raises RunError."""
    settings = json_of(path)
    if not isinstance(settings, dict):
        raise RunError(f"{path}: settings of a run are one object of JSON")
    return settings


def lines_from(path: Path, form: str, count: Count, settings: Row) -> Iterator[Line]:
    """The lines of a file or a folder of files (.jsonl, .json, either also .gz), in order.

    Raises UnknownName for a format that is not there, RunError for a row that is none of it.
    """
    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    whole = path.rglob("*") if path.is_dir() else [path]
    files = sorted(f for f in whole if f == path or (f.is_file() and f.name.endswith(_ENDINGS)))
    if not files:
        raise RunError(f"{path}: no .json or .jsonl file in this folder")
    for file in files:
        for number, row in enumerate(rows_of(file), 1):
            try:
                yield _counted(FORMATS[form](row, file, settings), count)
            except _ODD as error:
                said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise RunError(f"{file}: row {number} is none of {form} ({said})") from error


def nominal_length(tokens: int) -> int:
    """The column of a prompt with its reply: the next of 1,000, 1,200, 1,500, 2,000 ... tokens."""
    size = 1
    while True:
        for column in (size * step for step in _STEPS):
            if tokens <= column == int(column):
                return int(column)
        size *= 10


def _asked(
    prompt: str | Sequence[Row], targets: tuple[str, ...], rule: str, reply_tokens: int, **more: Any
) -> Line:
    """A line without what is counted, and without a column where the origin names none."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return {
        "messages": [{"role": m["role"], "content": m["content"]} for m in messages],
        "targets": targets,
        "rule": rule,
        "reply_tokens": reply_tokens,
        **dict.fromkeys(("task", "question", "prefix"), ""),
        **dict.fromkeys(("depth_percent", "id", "prompt_tokens", "context_length")),
        **more,
    }


def _counted(line: Line, count: Count) -> Line:
    """The whole line. Raises what ``check_line`` raises."""
    column = line["context_length"]
    check_line(line | {"prompt_tokens": 0, "context_length": 1 if column is None else column})
    json.dumps({**line, "messages": ()}, ensure_ascii=False).encode()  # no half characters
    texts = [(message["role"], message["content"]) for message in line["messages"]]
    content = json.dumps([texts, line["targets"], line["rule"]], ensure_ascii=False)
    tokens = count("\n".join(text for _, text in texts))
    if column is None:
        column = nominal_length(tokens + line["reply_tokens"])
    trial_id = line["id"] or hashlib.sha256(content.encode()).hexdigest()[:16]
    return line | {"id": trial_id, "prompt_tokens": tokens, "context_length": column}


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list) else (str(values),)
