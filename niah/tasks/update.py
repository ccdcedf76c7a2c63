"""The number of a place changes as the talk goes on; what holds in the end, or held at first, is asked for.

After LongMemEval's knowledge updates and bAbI's first task. The asked statement is worded otherwise than the question;
behind the latest one somebody recalls a number of long ago, before the first one somebody announces a coming one, both
in the question's own words and in the place where a reader who goes by position looks. Depth is that of the asked
statement. The other statements stand before it (``asked = latest``) or behind it (``first``), and ``needles`` says how:
next to it, one in each part of that side, or anywhere there. Numbers of ``distractors`` other places stand anywhere,
the first of them on the far side of the asked statement.
"""

from __future__ import annotations

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext, _magic_number
from niah.tasks._placing import anywhere, beside
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw
from niah.text.wording import Form

SUMMARY = "find what holds in the end (or --asked first) of several values stated for one place (--distractors)"
VERSION = 2  # other places, other words, and a statement where position misleads
WORDING = _magic_number.SAID
OPTIONS = ("ask_for", "distractor_count", "needle_count", "placement")
DEPTH_OF = "the statement asked for"
COUNT = 3
LATER = ("distractor", "later")


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The statements about the asked place in the order in which they stand, then those about others."""
    plan, latest = Planter(draw, site), site.options.ask_for == "latest"
    plain, key = plan.wording.form("magic.number.sentence"), plan.key()

    def told(form: Form, of: str, depth: float, *said: str) -> Needle:
        return plan.needle(form, depth, *said, key=of, value=plan.number())

    statements = [
        told(plan.one(retold) if retold else plain, key, depth, *said) for retold, depth, said in _statements(plan)
    ]
    far = (plan.depth, 100.0) if latest else (0.0, plan.depth)
    aside = plan.one("update.recalled" if latest else "update.announced")
    misleading = [told(aside, key, anywhere(draw, *far), *(("earlier",) if latest else LATER))]
    others = []
    for i in range(site.options.distractor_count):
        form, of = plain if i % 2 else plan.one("update.changed"), plan.key()
        others.append(told(form, of, anywhere(draw) if i else anywhere(draw, *far), "distractor"))
    needles = [*statements, *misleading] if latest else [*misleading, *statements]
    target = next(n.value for n in statements if n.answer_class == "right")
    question = plan.said(f"update.{site.options.ask_for}", key=key)
    return plan.planting("update.hint", question, [*needles, *others], [target])


def score(text: str, planting: Planting) -> Score:
    """The number stated last (or first), and no other."""
    return scorers.number(text, _magic_number.expected_of(planting))


@solver("update.latest", "update.first")
def solve(asked: Asked) -> str | None:
    """The last (or first) value stated for the key of the question; neither what was long ago nor what is to come."""
    latest = asked.key == "update.latest"
    changed = "update.changed" if latest else "update.started"
    found = asked.found("magic.number.sentence", changed, key=asked.blanks["key"])
    return found[-1 if latest else 0][1]["value"] if found else None


def _statements(plan: Planter) -> list[tuple[str, float, tuple[str, ...]]]:
    """Of each statement about the asked place, in order: the key of its other words, its depth, and its answer class.

    Only what is asked for is not in the words of the question, and all that was changed.
    """
    others, depth = plan.count(COUNT, 2, "statements") - 1, plan.depth
    if plan.options.ask_for == "first":
        behind = beside(plan.options.placement, others, depth, (depth, 100.0), plan.draw)
        return [("update.started", depth, ("right",)), *(("", d, LATER) for d in behind)]
    before = beside(plan.options.placement, others, depth, (0.0, depth), plan.draw)
    classes = [*["earlier"] * (others - 1), "stale", "right"]
    retold = ["", *["update.changed"] * others]
    return list(zip(retold, [*before, depth], ((said,) for said in classes), strict=True))
