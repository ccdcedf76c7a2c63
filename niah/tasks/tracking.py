"""A chain of variables, each set to the value of the one before (RULER's variable tracking), beside other chains."""

from __future__ import annotations

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "name all variables that hold a value, through a chain of assignments (--needle-count 5)"
VERSION = 2
REPLY_TOKENS = 128
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 5
SHAPE = r"(?<![A-Za-z])[B-DF-HJ-NP-TV-XZ]{5}(?![A-Za-z])"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The asked chain as ``needles`` says, other chains anywhere; the lines of each in order."""
    supply, options = UnusedNames(draw, site.haystack, site.language), site.options
    count, depth = options.needle_count or COUNT, site.trial.depth_percent
    needles = _chain(supply, site.language, depths_of(options.needles, count, depth, draw, ordered=True), "right")
    for _ in range(options.distractors):
        depths = sorted(anywhere(draw) for _ in range(count))
        needles += _chain(supply, site.language, depths, "distractor")
    value = needles[0].key
    targets = [n.value for n in needles[:count]]
    wording = wording_of(site.language)
    question = wording.form("tracking.question").fill(value=value)
    opening = speech_opening(site.language, wording.text("tracking.hint"))
    return planting_of(site.language, opening, question, needles, targets)


def score(text: str, planting: Planting) -> Score:
    """Recall of the names, lowered by names that do not hold the value."""
    return scorers.name_set(text, scorers.expected_of(planting), SHAPE)


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """Follow the assignments in the order of the text."""
    blanks = asked.wording.form("tracking.question").parse(asked.question)
    if blanks is None:
        return None
    first = asked.wording.form("tracking.first").found_in(asked.text, value=blanks["value"])
    after = asked.wording.form("tracking.next").found_in(asked.text)
    holding: list[str] = []
    for _, line in sorted([*first, *after], key=lambda found: found[0]):
        if "before" not in line or line["before"] in holding:
            holding.append(line["name"])
    return ", ".join(holding) or None


solve = solver(_answer)


def _chain(supply: UnusedNames, language: str, depths: list[float], answer_class: str) -> list[Needle]:
    """One line per depth; the key of each is the chain's value."""
    wording, value, before, needles = wording_of(language), supply.number(), "", []
    for depth in depths:
        name = supply.variable()
        form = wording.form("tracking.next" if before else "tracking.first")
        text = form.fill(name=name, before=before, value=value)
        needles.append(Needle(key=value, value=name, text=text, depth_percent=depth, answer_class=answer_class))
        before = name
    return needles
