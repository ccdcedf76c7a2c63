"""The third of several like things: which film was it that somebody recommended third?

After MRCR (Michelangelo, arXiv:2409.12640): the same person recommends things of one kind over and
over, in other words than the question, and the place in the order of the text is asked for. It is
drawn anew for every trial, so that neither the first nor the last one is the answer more often
than others. Depth is that of the asked one; the others stand on both sides of it, as ``needles``
says (see ``beside``). ``distractors`` are things of another kind by the same person and of the
same kind by others, every other one in the question's own words.
"""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext
from niah.tasks._placing import anywhere, beside
from niah.tasks._planter import Planter, words_in
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw
from niah.text.wording import Form, Wording, languages, wording_of

SUMMARY = "find the third (or another one, as drawn) of several like things (--needle-count 8, --distractors)"
VERSION = 1
OPTIONS = ("distractor_count", "needle_count", "placement")
DEPTH_OF = "the thing asked for"
COUNT = 8


def plant(draw: Draw, site: TaskContext) -> Planting:
    """What the asked person recommends of the asked kind, in order; then what is of another kind or person."""
    plan, options, depth = Planter(draw, site), site.options, site.trial.depth_percent
    ordinals, kinds = plan.wording.texts("repeat.ordinals"), [r["name"] for r in plan.wording.rows("repeat.kinds")]
    count = plan.count(COUNT, 2, "things", len(ordinals))

    def told(form: Form, who: str, kind: str, depth: float, *said: str) -> Needle:
        return plan.needle(form, depth, *said, key=who, value=plan.title(), person=who, kind=kind)

    person, kind, asked = plan.person(), draw.choice(kinds), draw.below(count)
    before = beside(options.placement, asked, depth, (0.0, depth), draw)
    after = beside(options.placement, count - 1 - asked, depth, (depth, 100.0), draw)
    retold = _retellings(plan.wording, kind)
    needles = [told(draw.choice(retold), person, kind, d) for d in [*before, depth, *after]]
    needles[:asked] = [replace(n, answer_class="earlier") for n in needles[:asked]]
    needles[asked + 1 :] = [replace(n, answer_class="distractor", detail="later") for n in needles[asked + 1 :]]
    others = [name for name in kinds if name != kind]
    for i in range(options.distractor_count):
        who, what = (person, draw.choice(others)) if i % 2 == 0 else (plan.person(), kind)
        form = plan.wording.form("repeat.said") if i % 4 < 2 else draw.choice(_retellings(plan.wording, what))
        needles.append(told(form, who, what, anywhere(draw), "distractor"))
    question = plan.said("repeat.question", ordinal=ordinals[asked], kind=kind, person=person)
    return plan.planting("repeat.hint", question, needles, [needles[asked].value])


def score(text: str, planting: Planting) -> Score:
    """The title, and no other. What is given another place of the order, also by the numbers of a list, is none."""
    expected, said = scorers.expected_of(planting), scorers.answer_in(text)
    every = (wording_of(language).texts("repeat.ordinals") for language in languages())
    ordinals = next((o for o in every if any(ordinal in planting.question for ordinal in o)), ())
    asked = tuple(ordinal for ordinal in ordinals if ordinal in planting.question)
    for number, ordinal in enumerate(ordinals, 1):
        said = re.sub(rf"(?m)^\W*{number}[.)、](?=\s)", f"{ordinal}: ", said)
    keyed = replace(expected, keys=asked, other_keys=tuple(o for o in ordinals if o not in asked))
    return scorers.name(said, keyed, words_in(said))


@solver()
def solve(asked: Asked) -> str | None:
    """The title that comes at the asked place among those that the person recommends, of the kind."""
    form = asked.wording.form("repeat.question").text
    for kind in (row["name"] for row in asked.wording.rows("repeat.kinds")):
        # kind by kind, because in Chinese nothing stands between it and the place
        if blanks := Form(form.replace("{kind}", kind)).parse(asked.question):
            found = asked.found(*_retellings(asked.wording, kind), person=blanks["person"])
            at = asked.wording.texts("repeat.ordinals").index(blanks["ordinal"])
            return found[at][1]["value"] if at < len(found) else None
    return None


def _retellings(wording: Wording, kind: str) -> tuple[Form, ...]:
    """Every sentence that recommends something of a kind without naming the kind."""
    does = next(row["does"] for row in wording.rows("repeat.kinds") if row["name"] == kind)
    return tuple(Form(form.text.replace("{does}", does)) for form in wording.forms("repeat.told"))
