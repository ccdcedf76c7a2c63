"""Prompts that are given, row by row, instead of built: other benchmarks' and one's own (``niah
import-prompts``).

Such a run has trials, outcomes, cells and verdicts as ours have. Its cells hold as many trials as
rows fall into them: rows are drawn in the column of their length and the row of their depth, to the
nearest ten percent.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from niah.errors import ConfigError, UnknownName
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment
from niah.experiment.own import PlantsNothing
from niah.generator.haystack import Haystack
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
_SAMPLE = (
    "Read the text.\n",
    "\n\nSay one word about it.",
)  # around the lines of the small requests before a run


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPlanting(Planting):
    """What a row says of its answer."""

    rule: str
    facts: Facts


class GivenTask(PlantsNothing):
    """Scores an answer by the rule of its row. A cut-off answer is scored as it is: so do the
    origins."""

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
    places: Mapping[str, int]  # of each trial's line in the file
    sizes: Mapping[str, int]  # prompt tokens of each trial
    digest: str  # of the whole file
    roles: frozenset[str]  # of all messages
    cells: tuple[Part, ...]
    label: str
    depth_of: str

    @property
    def longest(self) -> int:
        """A row may stand in a column that is shorter than it is."""
        return max(*self.config.lengths, max(self.sizes.values()) + self.reply_tokens)

    def row(self, trial: Trial) -> dict[str, Any]:
        with self.path.open("rb") as file:
            file.seek(self.places[trial.id])
            return dict(json_in(file.readline().decode()))

    def plant(self, trial: Trial) -> Planting:
        return _planting(self.row(trial))

    def prompt(self, trial: Trial) -> Prompt:
        row = self.row(trial)
        texts, depth = [(m["role"], m["content"]) for m in row["messages"]], row["depth_percent"]
        utf8 = "\n".join(text for _, text in texts).encode()
        messages = tuple(
            Message(role=role, parts=(TextPart(utf8=text.encode()),)) for role, text in texts
        )
        tokens = row["prompt_tokens"]
        at = [] if depth is None else [(trial.depth_percent, depth, round(tokens * depth / 100))]
        return Prompt(
            utf8=utf8,
            tokens=tokens,
            reply_tokens=row["reply_tokens"],
            haystack_tokens=tokens,
            unique_share=1.0,
            placements=tuple(
                Placement(key="answer", depth_percent=d, actual_depth_percent=a, tokens_before=n)
                for d, a, n in at
            ),
            planting=_planting(row),
            digest=hashlib.sha256(utf8).hexdigest(),
            messages=() if len(messages) == 1 and texts[0][0] == "user" else messages,
        )

    def prompt_tokens(self, trial: Trial) -> int:
        return self.sizes[trial.id]

    def check_lengths(self) -> None:
        """Nothing is built to a length. Raises ConfigError for a request field that would replace a
        message."""
        for key in (
            {"system", "systemInstruction"} & set(self.config.extra)
            if "system" in self.roles
            else ()
        ):
            raise ConfigError(
                f"extra field {key!r} would replace the system message of {self.path}; leave it out"
            )

    def unique_share(self, context_length: int) -> float:
        return 1.0

    def warnings(self) -> list[str]:
        return []

    def header(self) -> Header:
        header = Experiment.header(self)
        design = replace(
            header.design,
            task=self.label,
            haystack=self.path.name,
            haystack_shared=False,
            depth_of=self.depth_of,
            cells=self.cells,
        )
        return replace(header, design=design, haystack_digest=self.digest, unique_share=None)


def given_experiment(config: RunConfig, haystack: Haystack | None = None) -> GivenExperiment:
    """The trials of ``config.prompts``. Raises ConfigError for a file that is none of ``niah
    import-prompts``."""
    path, tokenizer = Path(str(config.prompts)), tokenizer_of(config.tokenizer)
    rows, digest = _read(path)
    trials, count = [], Counter[tuple[int, float]]()
    for row in rows:
        depth = row["depth_percent"]
        place = (
            row["context_length"],
            UNKNOWN_DEPTH if depth is None else DEPTH_STEP * round(depth / DEPTH_STEP),
        )
        trial_id = hashlib.sha256(f"given/{row['id']}/{row['text']}".encode()).hexdigest()[:16]
        task = row["task"] or "prompts"
        trials.append(
            Trial(
                id=trial_id,
                task=task,
                context_length=place[0],
                depth_percent=place[1],
                epoch=count[place],
            )
        )
        count[place] += 1
    if len({t.id for t in trials}) != len(trials):
        raise ConfigError(f"{path}: two rows ask the same under one id; remove one of them")
    if config.target_logprob and not all(row["roles"] == ["user"] for row in rows):
        raise ConfigError(
            f"target_logprob is told of a single message, and {path} holds chats; leave it out"
        )
    reply = max(row["reply_tokens"] for row in rows)
    tasks, rules = sorted({t.task for t in trials}), sorted({named(row["rule"]) for row in rows})
    config = config.model_copy(
        update={
            "task": tasks[0] if len(tasks) == 1 else "prompts",
            "lengths": tuple(sorted({n for n, _ in count})),
            "depths": tuple(sorted({d for _, d in count})),
            "epochs": max(count.values()),
            "haystack_per": "trial",
            "reply_tokens": reply,
        }
    )
    filler = haystack or load_haystack(
        ("en",), tokenizer
    )  # the small requests before a run have lines of it
    return GivenExperiment(
        config=config,
        tokenizer=tokenizer,
        haystack=filler,
        builder=Builder(
            filler, tokenizer, seed=config.seed, reply_tokens=reply, haystack_per="trial"
        ),
        task=GivenTask({row["text"]: row["answer"] for row in rows}),
        language="en",
        reply_tokens=reply,
        trials=tuple(trials),
        lattice_overhead=None,
        path=path,
        places={t.id: row["place"] for t, row in zip(trials, rows, strict=True)},
        sizes={t.id: row["prompt_tokens"] for t, row in zip(trials, rows, strict=True)},
        digest=digest,
        roles=frozenset(role for row in rows for role in row["roles"]),
        cells=tuple(
            Part(lengths=(n,), depths=(d,), epochs=k) for (n, d), k in sorted(count.items())
        ),
        label=f"{', '.join(tasks[:3])}{' ...' if len(tasks) > 3 else ''}, by {', '.join(rules)}",
        depth_of=depth_words(
            "the answer", sum(row["depth_percent"] is not None for row in rows), len(rows)
        ),
    )


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
            f"prompts {str(path)!r}: line {len(rows) + 1} cannot be read ({said}); make it with"
            " niah import-prompts"
        ) from error
    if not rows:
        raise ConfigError(f"prompts {str(path)!r} is empty; make it with niah import-prompts")
    return rows, whole.hexdigest()


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    keys = (
        "id",
        "task",
        "rule",
        "context_length",
        "depth_percent",
        "prompt_tokens",
        "reply_tokens",
    )
    text = "\n".join(message["content"] for message in row["messages"])
    answer = "Final Answer: [{}]" if row["rule"] == "graphwalks" else "{}"
    return {
        **{k: row[k] for k in keys},
        "text": _digest(text),
        "answer": answer.format(", ".join(row["targets"])),
        "roles": [message["role"] for message in row["messages"]],
    }


def _planting(row: Mapping[str, Any]) -> GivenPlanting:
    facts = Facts(
        targets=tuple(row["targets"]),
        question=row["question"],
        task=row["task"],
        prefix=row["prefix"],
    )
    opening, closing = _SAMPLE
    return GivenPlanting(
        opening=opening,
        closing=closing,
        question=row["question"] or "(in the prompt)",
        needles=(),
        targets=facts.targets,
        rule=row["rule"],
        facts=facts,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
