"""The third of several like things: which film was it that somebody recommended third?

After MRCR (Michelangelo, arXiv:2409.12640): the same person recommends things of one kind over and
over, in other words than the question, and the place in the order of the text is asked for. It is
drawn anew for every trial, so that neither the first nor the last one is the answer more often
than others. Depth is that of the asked one; the others stand on both sides of it, as ``needles``
says (see ``beside``). ``distractors`` are things of another kind by the same person and of the
same kind by others, every other one in the question's own words.
"""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.errors import ConfigError
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._placing import anywhere, beside
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames, words_in
from niah.text.seeded import Draw
from niah.text.wording import Form, Wording, wording_of

SUMMARY = "find the third (or another one, as drawn) of several like things (--needle-count 8, --distractors)"
VERSION = 1
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 8


def plant(draw: Draw, site: TaskContext) -> Planting:
    """What the asked person recommends of the asked kind, in order; then what is of another kind or person."""
    options, wording, depth = site.options, wording_of(site.language), site.trial.depth_percent
    supply, ordinals = UnusedNames(draw, site.haystack, site.language), wording.texts("repeat.ordinals")
    count, kinds = options.needle_count or COUNT, [row["name"] for row in wording.rows("repeat.kinds")]
    if not 2 <= count <= len(ordinals):
        raise ConfigError(f"needle_count = {count}: task repeat counts 2 to {len(ordinals)} things; give one of these")
    person, kind, asked = supply.person(), draw.choice(kinds), draw.below(count)
    before = beside(options.needles, asked, depth, (0.0, depth), draw)
    after = beside(options.needles, count - 1 - asked, depth, (depth, 100.0), draw)
    told = _retellings(wording, kind)
    like = [_needle(supply, draw.choice(told), person, kind, d) for d in [*before, depth, *after]]
    needles = [replace(n, answer_class="earlier") for n in like[:asked]]
    needles.append(like[asked])
    needles += [replace(n, answer_class="distractor", detail="later") for n in like[asked + 1 :]]
    others = [name for name in kinds if name != kind]
    for i in range(options.distractors):
        who, what = (person, draw.choice(others)) if i % 2 == 0 else (supply.person(), kind)
        form = wording.form("repeat.said") if i % 4 < 2 else draw.choice(_retellings(wording, what))
        aside = _needle(supply, form, who, what, anywhere(draw))
        needles.append(replace(aside, answer_class="distractor"))
    question = wording.form("repeat.question").fill(ordinal=ordinals[asked], kind=kind, person=person)
    opening = speech_opening(site.language, wording.text("repeat.hint"))
    return planting_of(site.language, opening, question, needles, [needles[asked].value])


def score(text: str, planting: Planting) -> Score:
    """The title, and no other; of titles that are counted up the last one."""
    return scorers.name(text, scorers.expected_of(planting), words_in(scorers.answer_in(text)))


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The title that comes at the asked place among those that the person recommends, of the kind."""
    blanks, ordinals = _parsed(asked), asked.wording.texts("repeat.ordinals")
    if blanks is None:
        return None
    forms = _retellings(asked.wording, blanks["kind"])
    found = sorted(
        (at, line["value"]) for form in forms for at, line in form.found_in(asked.text, person=blanks["person"])
    )
    at = ordinals.index(blanks["ordinal"])
    return found[at][1] if at < len(found) else None


solve = solver(_answer)


def _parsed(asked: ParsedQuestion) -> dict[str, str] | None:
    """The blanks of the question: kind by kind, because in Chinese nothing stands between it and the place."""
    form = asked.wording.form("repeat.question").text
    for row in asked.wording.rows("repeat.kinds"):
        known = Form(form.replace("{kind}", row["name"]))
        if blanks := known.parse(asked.question):
            return {**blanks, "kind": row["name"]}
    return None


def _needle(supply: UnusedNames, form: Form, person: str, kind: str, depth: float) -> Needle:
    value = supply.title()
    blanks = {"person": person, "kind": kind, "value": value}
    text = form.fill(**{blank: blanks[blank] for blank in form.blanks})
    return Needle(key=person, value=value, text=text, depth_percent=depth)


def _retellings(wording: Wording, kind: str) -> tuple[Form, ...]:
    """Every sentence that recommends something of a kind without naming the kind."""
    does = next(row["does"] for row in wording.rows("repeat.kinds") if row["name"] == kind)
    return tuple(Form(form.text.replace("{does}", does)) for form in wording.forms("repeat.told"))
