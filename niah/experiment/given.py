"""Prompts that are given, row by row, instead of built (``niah import-prompts``).

They are other benchmarks' or one's own. Such a run has trials, outcomes, cells and verdicts as ours
have. Its cells hold as many trials as rows fall into them: rows are drawn in the column of their
length and the row of their depth, to the nearest ten percent.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from niah.errors import ConfigError, UnknownName
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.experiment.own import PlantsNothing
from niah.generator.library import load_haystack
from niah.generator.prompt import Builder
from niah.generator.tokenizers import tokenizer_of
from niah.messages import Message, TextPart
from niah.records import Header, Part, Placement, Planting, Prompt, Score, Trial
from niah.scorers.origins import Facts, check_line, named, rule_of
from niah.tasks import Options
from niah.text.outside import json_in
from niah.text.shares import depth_words

DEPTH_STEP = 10.0
UNKNOWN_DEPTH = 0.0  # the row of the picture for prompts whose depth nobody knows
_KEPT = ("rule", "context_length", "depth_percent", "prompt_tokens", "reply_tokens")
# around the lines of the small requests before a run
_OPENING, _CLOSING = "Read the text.\n", "\n\nSay one word about it."


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPlanting(Planting):
    """What a row says of its answer."""

    rule: str
    facts: Facts


class GivenTask(PlantsNothing):
    """Scores an answer by the rule of its row; a cut-off one as it is, as the origins do."""

    SUMMARY = "given prompts"
    SCORES_RAW = True  # the answer as it came, whole or cut off

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = answers  # by the digest of a prompt's text

    def score(self, text: str, planting: Planting) -> Score:
        if not isinstance(planting, GivenPlanting):
            raise TypeError("a planting of no given row")
        value = rule_of(planting.rule).score(text, planting.facts)
        return Score(
            value=value,
            answer_class="right" if value == 1 else "wrong",
            explanation=f"by {named(planting.rule)}",
            detail="incomplete" if 0 < value < 1 else None,
        )

    def solve(self, text: str, options: Options | None = None) -> str:
        return self._answers.get(_digest(text), "I do not know.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenExperiment(Experiment):
    """The trials of a file of prompts."""

    path: Path
    digest: str  # of the whole file
    rows: Mapping[str, Mapping[str, Any]]  # what is kept of each, by trial; of all in the file
    cells: tuple[Part, ...]

    @property
    def longest(self) -> int:
        """A row may stand in a column that is shorter than it is."""
        longest: int = max(row["prompt_tokens"] for row in self.rows.values())
        return max(*self.config.lengths, longest + self.reply_tokens)

    def _row(self, trial: Trial) -> dict[str, Any]:
        with self.path.open("rb") as file:
            file.seek(self.rows[trial.id]["place"])
            return dict(json_in(file.readline().decode()))

    def plant(self, trial: Trial) -> Planting:
        return _planting(self._row(trial))

    def prompt(self, trial: Trial) -> Prompt:
        row = self._row(trial)
        texts, depth = [(m["role"], m["content"]) for m in row["messages"]], row["depth_percent"]
        utf8 = "\n".join(text for _, text in texts).encode()
        parts = ((role, (TextPart(utf8=text.encode()),)) for role, text in texts)
        messages = tuple(Message(role=role, parts=own) for role, own in parts)
        tokens = row["prompt_tokens"]
        place = Placement(
            key="answer",
            depth_percent=trial.depth_percent,
            actual_depth_percent=depth or 0.0,
            tokens_before=round(tokens * (depth or 0.0) / 100),
        )
        return Prompt(
            utf8=utf8,
            tokens=tokens,
            reply_tokens=row["reply_tokens"],
            haystack_tokens=tokens,
            unique_share=1.0,
            placements=() if depth is None else (place,),
            planting=_planting(row),
            digest=hashlib.sha256(utf8).hexdigest(),
            messages=() if len(messages) == 1 and texts[0][0] == "user" else messages,
        )

    def prompt_tokens(self, trial: Trial) -> int:
        return int(self.rows[trial.id]["prompt_tokens"])

    def check_lengths(self) -> None:
        """Nothing is built to a length; ConfigError for a field that would replace a message."""
        own = {"system", "systemInstruction"} & set(self.config.extra)
        if own and any("system" in row["roles"] for row in self.rows.values()):
            raise ConfigError(
                f"extra field {min(own)!r} would replace the system message of {self.path};"
                " leave it out"
            )

    def unique_share(self, context_length: int) -> float:
        return 1.0

    def warnings(self) -> list[str]:
        return []

    def header(self) -> Header:
        header, rows = Experiment.header(self), self.rows.values()
        tasks = sorted({row["task"] for row in rows})
        rules = sorted({named(row["rule"]) for row in rows})
        told = sum(row["depth_percent"] is not None for row in rows)
        design = replace(
            header.design,
            task=f"{', '.join(tasks[:3])}{' ...' * (len(tasks) > 3)}, by {', '.join(rules)}",
            haystack=self.path.name,
            haystack_shared=False,
            depth_of=depth_words("the answer", told, len(rows)),
            cells=self.cells,
        )
        return replace(header, design=design, haystack_digest=self.digest, unique_share=None)


def given_experiment(config: RunConfig) -> GivenExperiment:
    """The trials of ``config.prompts``. Raises ConfigError for no file of niah import-prompts."""
    path, tokenizer = Path(str(config.prompts)), tokenizer_of(config.tokenizer)
    rows, digest = _read(path)
    trials = _trials_of(rows)
    by_trial = {row["trial"]: row for row in rows}
    if len(by_trial) != len(rows):
        raise ConfigError(f"{path}: two rows ask the same under one id; remove one of them")
    if config.target_logprob and not all(row["roles"] == ["user"] for row in rows):
        raise ConfigError(
            f"target_logprob is told of a single message, and {path} holds chats; leave it out"
        )
    cells = Counter((t.context_length, t.depth_percent) for t in trials)
    tasks, reply = {t.task for t in trials}, max(row["reply_tokens"] for row in rows)
    update = {
        "task": tasks.pop() if len(tasks) == 1 else "prompts",
        "lengths": tuple(sorted({n for n, _ in cells})),
        "depths": tuple(sorted({d for _, d in cells})),
        "epochs": max(cells.values()),
        "haystack_per": "trial",
        "reply_tokens": reply,
    }
    filler = load_haystack(("en",), tokenizer)  # the small requests before a run have lines of it
    builder = Builder(filler, tokenizer, seed=config.seed, reply_tokens=reply, haystack_per="trial")
    return GivenExperiment(
        config=config.model_copy(update=update),
        tokenizer=tokenizer,
        haystack=filler,
        builder=builder,
        task=GivenTask({row["text"]: row["answer"] for row in rows}),
        language="en",
        reply_tokens=reply,
        trials=trials,
        path=path,
        digest=digest,
        rows=by_trial,
        cells=tuple(
            Part(lengths=(n,), depths=(d,), epochs=k) for (n, d), k in sorted(cells.items())
        ),
    )


def _trials_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Trial, ...]:
    """A trial for each row, in the cell of its length and depth, with the next epoch there."""
    trials, count = [], Counter[tuple[int, float]]()
    for row in rows:
        length, depth = row["context_length"], row["depth_percent"]
        drawn = UNKNOWN_DEPTH if depth is None else DEPTH_STEP * round(depth / DEPTH_STEP)
        trials.append(
            Trial(
                id=row["trial"],
                task=row["task"],
                context_length=length,
                depth_percent=drawn,
                epoch=count[length, drawn],
            )
        )
        count[length, drawn] += 1
    return tuple(trials)


def _read(path: Path) -> tuple[list[dict[str, Any]], str]:
    """What is kept of each row, without its text, and the digest of the file."""
    rows, place, whole = [], 0, hashlib.sha256()
    try:
        with path.open("rb") as file:
            for line in file:
                row = json_in(line.decode())
                check_line(row)
                rows.append({**_kept(row), "place": place})
                whole.update(line)
                place += len(line)
    except (OSError, UnknownName, KeyError, TypeError, ValueError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(
            f"prompts {str(path)!r}: line {len(rows) + 1} cannot be read ({said});"
            " make it with niah import-prompts"
        ) from error
    if not rows:
        raise ConfigError(f"prompts {str(path)!r} is empty; make it with niah import-prompts")
    return rows, whole.hexdigest()


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without its text, and the id of its trial."""
    text = _digest("\n".join(message["content"] for message in row["messages"]))
    answer = "Final Answer: [{}]" if row["rule"] == "graphwalks" else "{}"
    return {
        **{k: row[k] for k in _KEPT},
        "task": row["task"] or "prompts",
        "text": text,
        "trial": _digest(f"given/{row['id']}/{text}")[:16],
        "answer": answer.format(", ".join(row["targets"])),
        "roles": [message["role"] for message in row["messages"]],
    }


def _planting(row: Mapping[str, Any]) -> GivenPlanting:
    targets, question = tuple(row["targets"]), row["question"]
    facts = Facts(targets=targets, question=question, task=row["task"], prefix=row["prefix"])
    return GivenPlanting(
        opening=_OPENING,
        closing=_CLOSING,
        question=question or "(in the prompt)",
        needles=(),
        targets=targets,
        rule=row["rule"],
        facts=facts,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
