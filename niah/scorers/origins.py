"""Scoring rules of other benchmarks, each as its origin's code scores an answer, slips included.

A rule takes the raw answer and what a row of the benchmark says (``Facts``), and returns a score
from 0 to 1. Its name with its version stands in every line of a run that is scored by it. Sources,
with the commit that was read:

ruler-all, ruler-part   NVIDIA/RULER c3f5e3b, scripts/eval: string_match_all, string_match_part,
                        postprocess_pred
litm-kv, litm-qa        nelson-liu/lost-in-the-middle 29b8a6d: evaluate_kv_responses,
                        best_subspan_em
babilong                booydar/babilong 7a6efee, babilong/metrics.py: compare_answers
mrcr                    openai/mrcr, its dataset card: grade
graphwalks              openai/graphwalks, its dataset card; two slips of the printed code are
                        mended, see below
nolima                  adobe-research/NoLiMa 7532e4e, metric "contains", as its configurations
                        set it
contains                ours: any target in the answer, letter case ignored; where the origin asks
                        a judge model
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from niah.errors import UnknownName
from niah.text.lengths import MOST_COUNT

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_CONTROL = re.compile(r"[\x00-\x1f]")
_PLACES = "bathroom bedroom garden hallway kitchen office"
_LABELS = {
    **dict.fromkeys(("qa1", "qa2", "qa3", "qa4", "qa11", "qa12", "qa13"), _PLACES),
    "qa5": "Bill Fred Jeff Mary apple football milk",
    **dict.fromkeys(("qa6", "qa9", "qa17", "qa18"), "no yes"),
    "qa7": "none one three two",
    "qa8": "apple football milk nothing",
    "qa10": "maybe no yes",
    "qa14": "bedroom cinema kitchen office park school",
    "qa15": "cat mouse sheep wolf",
    "qa16": "gray green white yellow",
    "qa19": "e,e e,n e,s n,e n,n n,w s,e s,s s,w w,n w,s w,w",
    "qa20": "bedroom bored garden hungry kitchen thirsty tired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule needs of a row."""

    targets: tuple[str, ...]
    question: str = ""
    task: str = ""  # of several in one benchmark: qa1
    prefix: str = ""  # with which an answer must begin


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the version changes where a score could."""

    version: int
    score: Callable[[str, Facts], float]


def ruler_all(answer: str, facts: Facts) -> float:
    """Share of the targets that the answer holds."""
    text = _ruler_text(answer)
    return sum(target.lower() in text for target in facts.targets) / len(facts.targets)


def ruler_part(answer: str, facts: Facts) -> float:
    """Whether it holds any target."""
    text = _ruler_text(answer)
    return float(any(target.lower() in text for target in facts.targets))


def _ruler_text(answer: str) -> str:
    return _CONTROL.sub("\n", answer.strip()).strip().lower()


def litm_kv(answer: str, facts: Facts) -> float:
    return float(facts.targets[0].lower() in answer.lower())


def litm_qa(answer: str, facts: Facts) -> float:
    """Whether the first line holds any target, both without articles, punctuation and case."""
    text = _normalised(answer.split("\n")[0].strip())
    return float(any(_normalised(target) in text for target in facts.targets))


def _normalised(text: str) -> str:
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def labels_of(task: str) -> str:
    """The labels of one task of BABILong's. Raises UnknownName."""
    if task not in _LABELS:
        raise UnknownName("task of BABILong", task, _LABELS)
    return _LABELS[task]


def babilong(answer: str, facts: Facts) -> float:
    """Whether the first sentence names the target, and no other label beside the question's.

    The origin also cuts at "Question", which never stands in lower-case text.
    """
    text = answer.lower().split(".")[0].split("<context>")[0].split("<example>")[0]
    question = facts.question.lower()
    labels = {label.lower() for label in labels_of(facts.task).split()}
    named = {label for label in labels if label in text and label not in question}
    target = facts.targets[0].lower()
    several = target.split(",") if "," in target and len(target) > 3 else [target]
    return float(all(t in named for t in several) and len(named) == len(several))


def mrcr(answer: str, facts: Facts) -> float:
    """0 unless the answer begins with the prefix, else how alike its rest and the target's are."""
    if not answer.startswith(facts.prefix):
        return 0.0
    given, wanted = (text.removeprefix(facts.prefix) for text in (answer, facts.targets[0]))
    return float(SequenceMatcher(None, given, wanted).ratio())


def graphwalks(answer: str, facts: Facts) -> float:
    """F1 of the nodes in the list on the last line.

    As the card prints it, the first node keeps the words "Final Answer: [" and answers without a
    common node score 1; no published figure can come of that. Here the words go, and such an answer
    scores 0, unless both lists are empty, which is 1.
    """
    last = answer.split("\n")[-1]
    # cut behind the last bracket, so that one without an end costs no time
    found = re.search(r"Final Answer: ?\[.*\]", last[: last.rfind("]") + 1])
    if found is None:
        return 0.0
    listed = found[0].removeprefix("Final Answer:").strip().strip("[]")
    named, truth = {n.strip() for n in listed.split(",") if n.strip()}, set(facts.targets)
    if not named and not truth:
        return 1.0
    recall = len(named & truth) / len(truth) if truth else 0
    precision = len(named & truth) / len(named) if named else 0
    return 2 * (recall * precision) / (recall + precision) if recall + precision > 0 else 0.0


def nolima(answer: str, facts: Facts) -> float:
    return float(any(target in answer for target in facts.targets))


def contains(answer: str, facts: Facts) -> float:
    return float(any(target.casefold() in answer.casefold() for target in facts.targets))


RULES: Mapping[str, Rule] = {
    "ruler-all": Rule(1, ruler_all),
    "ruler-part": Rule(1, ruler_part),
    "litm-kv": Rule(1, litm_kv),
    "litm-qa": Rule(1, litm_qa),
    "babilong": Rule(1, babilong),
    "mrcr": Rule(1, mrcr),
    "graphwalks": Rule(1, graphwalks),
    "nolima": Rule(1, nolima),
    "contains": Rule(1, contains),
}


def rule_of(name: str) -> Rule:
    """Raises UnknownName."""
    if name not in RULES:
        raise UnknownName("scoring rule", name, RULES)
    return RULES[name]


def named(name: str) -> str:
    """ "babilong@1", as every line of a run names its rule."""
    return f"{name}@{rule_of(name).version}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT


def _is_depth(value: Any) -> bool:
    return value is None or (not isinstance(value, bool) and 0 <= value <= 100)


ROLES = ("system", "user", "assistant")
_TEXT = (lambda v: isinstance(v, str), "text")
_TOKENS = (lambda v: _is_count(v) and v > 0, "1 or more tokens")
# of a line of prompts, and what each must be
_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "task": _TEXT,
    "question": _TEXT,
    "prefix": _TEXT,
    "context_length": _TOKENS,
    "reply_tokens": _TOKENS,
    "prompt_tokens": (_is_count, "a number of tokens"),
    "depth_percent": (_is_depth, "from 0 to 100"),
    "targets": (
        lambda v: all(isinstance(t, str) and t for t in v) and not isinstance(v, str),
        "a list of texts, none of them empty",
    ),
}


def check_line(line: Mapping[str, Any]) -> None:
    """Raises KeyError, TypeError, ValueError or UnknownName where it cannot be asked or scored."""
    for key, (is_right, wanted) in _FIELDS.items():
        if not is_right(line[key]):
            raise ValueError(f"{key} {line[key]!r} is not {wanted}")
    rule_of(line["rule"])
    if line["rule"] == "babilong":
        labels_of(line["task"])
    if not line["targets"] and line["rule"] != "graphwalks":
        raise ValueError("no target")
    roles = [message["role"] for message in line["messages"]]
    known = all(role in ROLES for role in roles)
    if not known or "system" in roles[1:] or roles in ([], ["system"]):
        raise ValueError(
            f"messages are of {', '.join(ROLES)}: a system's, if any, is the first of several"
        )
    if not all(isinstance(message["content"], str) for message in line["messages"]):
        raise ValueError("the content of a message is one text")
