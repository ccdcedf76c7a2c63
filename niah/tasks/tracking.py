"""A chain of variables, each set to the value of the one before (RULER's variable tracking), beside other chains."""

from __future__ import annotations

import re

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site
from niah.tasks._frame import NOT_THERE, asked_in, planting_of, speech_opening
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._supply import Supply

SUMMARY = "name all variables that hold a value, through a chain of assignments (--needle-count 5)"
VERSION = 1
REPLY_TOKENS = 128
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 5
SHAPE = r"(?<![A-Za-z])[B-DF-HJ-NP-TV-XZ]{5}(?![A-Za-z])"
_HINT = {
    "en": "Here and there in it variables are set.",
    "zh-Hant": "其中幾處設定了變數",
    "zh-Hans": "其中几处设定了变量",
}
_FIRST = {
    "en": "Variable {name} is set to {value}.",
    "zh-Hant": "變數 {name} 設為 {value}",
    "zh-Hans": "变量 {name} 设为 {value}",
}
_NEXT = {
    "en": "Variable {name} is set to the value of {before}.",
    "zh-Hant": "變數 {name} 設為 {before} 的值",
    "zh-Hans": "变量 {name} 设为 {before} 的值",
}
_QUESTION = {
    "en": "Which variables hold the value {value}, directly or through another variable? Answer with their names only.",
    "zh-Hant": "哪些變數的值是 {value}（不論是直接設定，或是來自別的變數）？只回答變數名稱，全部列出。",
    "zh-Hans": "哪些变量的值是 {value}（不论是直接设定，还是来自别的变量）？只回答变量名称，全部列出。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """The asked chain as ``needles`` says, other chains anywhere; the lines of each in order."""
    supply, options = Supply(draw, site.haystack, site.language), site.options
    count, depth = options.needle_count or COUNT, site.trial.depth_percent
    needles = _chain(supply, site.language, depths_of(options.needles, count, depth, draw, ordered=True), "right")
    for _ in range(options.distractors):
        depths = sorted(anywhere(draw) for _ in range(count))
        needles += _chain(supply, site.language, depths, "distractor")
    value = needles[0].key
    targets = [n.value for n in needles[:count]]
    question = _QUESTION[site.language].format(value=value)
    return planting_of(site.language, speech_opening(site.language, _HINT[site.language]), question, needles, targets)


def score(text: str, planting: Planting) -> Score:
    """Recall of the names, lowered by names that do not hold the value."""
    return scorers.name_set(text, scorers.expected_of(planting), SHAPE)


def solve(text: str, options: Options | None = None) -> str:
    """Follow the assignments in the order of the text."""
    asked = asked_in(text)
    value = re.search(r"\d{5,}", asked.question) if asked else None
    if asked is None or value is None:
        return "There is no question."
    first = _FIRST[asked.language].format(name=rf"(?P<first>{SHAPE})", value=value[0])
    after = _NEXT[asked.language].format(name=rf"(?P<next>{SHAPE})", before=rf"(?P<before>{SHAPE})")
    holding: list[str] = []
    for match in re.finditer(f"{first}|{after}", asked.text):
        if match["first"] or match["before"] in holding:
            holding.append(match["first"] or match["next"])
    return ", ".join(holding) or NOT_THERE[asked.language]


def _chain(supply: Supply, language: str, depths: list[float], answer_class: str) -> list[Needle]:
    """One line per depth; the key of each is the chain's value."""
    value, before, needles = supply.number(), "", []
    for depth in depths:
        name = supply.variable()
        form = _NEXT[language] if before else _FIRST[language]
        text = form.format(name=name, before=before, value=value)
        needles.append(Needle(key=value, value=name, text=text, depth_percent=depth, answer_class=answer_class))
        before = name
    return needles
