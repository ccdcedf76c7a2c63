"""Tasks about chains: no single line answers, and where one line ends the next one begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks._frame import Asked
from niah.tasks._planter import PLACES, BuiltIn, Planter, cities, names_of_city
from niah.text.normalise import fold
from niah.text.wording import Form

ON_THE_WAY = "a link on the way"
_VARIABLE = r"(?<![A-Za-z])[B-DF-HJ-NP-TV-XZ]{5}(?![A-Za-z])"


class Tracking(BuiltIn):
    """A chain of variables, each set to the value of the one before
    (RULER's variable tracking), beside others."""

    def planted(self, plan: Planter) -> Planting:
        """The asked chain as ``placement`` says, others anywhere; the lines of each in order."""
        count = plan.needle_count
        needles = self._chain(plan, plan.depths(count, ordered=True), "right")
        for _ in range(plan.options.distractor_count):
            depths = sorted(plan.anywhere() for _ in range(count))
            needles += self._chain(plan, depths, "distractor")
        question = plan.said("tracking.question", value=needles[0].key)
        return plan.planting("tracking.hint", question, needles, [n.value for n in needles[:count]])

    def score(self, text: str, planting: Planting) -> Score:
        """Recall of the names, lowered by names that do not hold the value."""
        return scorers.name_set(text, scorers.expected_of(planting), _VARIABLE)

    def answer(self, asked: Asked) -> str | None:
        """Follow the assignments in the order of the text."""
        holding: list[str] = []
        for line in asked.found("tracking.first", "tracking.next", value=asked.blanks["value"]):
            if "before" not in line or line["before"] in holding:
                holding.append(line["name"])
        return ", ".join(holding)

    def _chain(self, plan: Planter, depths: Sequence[float], answer_class: str) -> list[Needle]:
        """One line per depth; the key of each is the chain's value, which only the first names."""
        number, needles = plan.number(), list[Needle]()
        for depth in depths:
            before, name = needles[-1].value if needles else "", plan.variable()
            form = "tracking.next" if before else "tracking.first"
            text = plan.said(form, name=name, before=before, value=number)
            needle = Needle(key=number, value=name, text=text, depth_percent=depth)
            needles.append(replace(needle, answer_class=answer_class))
        return needles


class Hops(BuiltIn):
    """A chain of facts across depths: a thing is in a trunk,
    the trunk in a boathouse, the boathouse in a city.

    The question names the thing and asks for the city, so that no single line answers it
    (as in NeedleBench's and BABILong's chains of facts).
    Other chains, for other things, end in other cities.
    """

    def planted(self, plan: Planter) -> Planting:
        """The links of the asked chain as ``placement`` says, in order; of others anywhere."""
        count = plan.needle_count
        needles = self._chain(plan, plan.depths(count), "right")
        for _ in range(plan.options.distractor_count):
            needles += self._chain(plan, [plan.anywhere() for _ in range(count)], "distractor")
        question = plan.said("hops.question", a=needles[0].key)
        return plan.planting("hops.hint", question, needles, [needles[count - 1].value])

    def score(self, text: str, planting: Planting) -> Score:
        """The city at the end. A link on the way to it is a near miss, other cities distractors."""
        expected, everywhere = scorers.expected_of(planting), cities()
        wrong = {v: known for v, known in expected.wrong.items() if v in everywhere}
        asked, foreign = _keys(planting)
        target = expected.target
        aliases = {name: target for name in names_of_city(target) if name != target}
        held = replace(expected, wrong=wrong, keys=asked, other_keys=foreign, aliases=aliases)
        score = scorers.name(text, held, sorted(everywhere), place=True, row=True)
        if score.value or score.answer_class in ("distractor", "several", "not-there"):
            return score
        mine = [n for n in planting.needles if n.answer_class == "right"]
        nodes = {name for n in planting.needles for name in (n.key, n.value)} - everywhere
        named = scorers.names_in(scorers.answer_in(text), nodes - {n.key for n in mine[:1]})
        if named - {n.value for n in mine}:
            return scorers.wrong_score("distractor", "named a thing of another chain")
        if named:
            why = f"answered {', '.join(sorted(named))}, {ON_THE_WAY} to {target}"
            return scorers.wrong_score("near-miss", why, ON_THE_WAY)
        return score

    def answer(self, asked: Asked) -> str | None:
        """Go from the thing of the question to the end of what the text says of it."""
        here, seen = asked.blanks["a"], set[str]()
        while here not in seen:
            seen.add(here)
            here = asked.first("b", "hops.inside", "hops.where", a=here) or here
        return here if here in PLACES[asked.wording.language] else None

    def _chain(self, plan: Planter, depths: Sequence[float], answer_class: str) -> list[Needle]:
        """One line per depth: thing, containers, building, city."""
        count = len(depths)
        kinds = ["things", *["containers"] * (count - 2), *["buildings"] * (count > 1)]
        nodes = [*map(plan.coloured, kinds), plan.place()]
        forms = [*[plan.wording.form("hops.inside")] * (count - 1), plan.wording.form("hops.where")]
        links = zip(forms, depths, nodes, nodes[1:], strict=False)
        return [
            plan.needle(form, depth, answer_class, key=a, value=b, a=a, b=b)
            for form, depth, a, b in links
        ]


def _keys(planting: Planting) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The things of the asked chain, and of others; each also by its noun where no other has it."""
    mine = [n.key for n in planting.needles if n.answer_class == "right"]
    others = [n.key for n in planting.needles if n.answer_class != "right"]
    nouns = Counter(map(_noun, [*mine, *others]))

    def named(keys: Sequence[str]) -> tuple[str, ...]:
        return (*keys, *(noun for noun in map(_noun, keys) if nouns[noun] == 1))

    return named(mine), named(others)


def _noun(thing: str) -> str:
    """A thing without its colour: amulet, 王冠."""
    return thing.rpartition(" ")[2] if thing.isascii() else thing.rpartition("色")[2]


class Moves(BuiltIn):
    """A thing goes from hand to hand and from city to city; where is it in the end, or was before?

    After the second and third task of bAbI and BABILong (arXiv:2406.10149): somebody picks the
    thing up, travels, gives it to somebody else, who travels on. The line that says where it is
    does not name it. Whoever gave it away travels on as well, before and behind that line. Half of
    the trials ask where it was before that city. Depth is that of the last journey of the thing;
    all others of it come before it, as ``placement`` says (see ``Planter.beside``).
    ``distractor_count`` other things have a journey each, anywhere.
    """

    def planted(self, plan: Planter) -> Planting:
        """The way of the thing, the last journey at the trial's depth; then what misleads."""
        thing, giver, taker = plan.coloured("things"), plan.person(), plan.person()
        way, handed = _way(plan, thing, giver, taker)
        asked = plan.draw.choice(("now", "before"))
        places = [n.value for n in way if n.value != taker]
        target = places[-1 if asked == "now" else -2]
        beside_way = (plan.anywhere(handed, plan.depth), plan.anywhere(plan.depth, 100.0))
        aside = [_went(plan, giver, thing, depth) for depth in beside_way]
        for _ in range(plan.options.distractor_count):
            who, (first, then) = plan.person(), sorted((plan.anywhere(), plan.anywhere()))
            carried = plan.coloured("things")
            aside += [_took(plan, who, carried, first), _went(plan, who, carried, then)]
        needles = [_classed(n, target, places[-1]) for n in way]
        needles += [replace(n, answer_class="distractor") for n in aside]
        question = plan.said(f"moves.{asked}", thing=thing, place=places[-1])
        return plan.planting("moves.hint", question, needles, [target])

    def score(self, text: str, planting: Planting) -> Score:
        """The name of the city, and no other; the city that the question names is none.

        All lines are told alike: the words of a line do not show which city is given as the answer.
        """
        expected, everywhere = scorers.expected_of(planting).told_alike(), cities()
        wrong = {v: known for v, known in expected.wrong.items() if v in everywhere}  # no persons
        judged = replace(expected, wrong=wrong, words=frozenset())
        before = any(fold(city) in fold(planting.question) for city in wrong)
        judge = scorers.name_by_place if before else scorers.name
        return judge(text, judged, sorted(everywhere), place=True)

    def answer(self, asked: Asked) -> str | None:
        """Go through the text in its order and note where the thing is."""
        forms, thing = ("moves.took", "moves.handed", "moves.went"), asked.blanks["thing"]
        holder, way = "", list[str]()
        for line in asked.found(*forms, thing=thing):
            if "other" in line:
                holder = line["other"]
            elif "thing" in line or line["person"] == holder:
                holder = line["person"]
                way.append(line["place"])
        back = 1 if asked.key == "moves.now" else 2
        return way[-back] if len(way) >= back else None


def _took(plan: Planter, who: str, thing: str, depth: float) -> Needle:
    return _journey(plan, plan.wording.form("moves.took"), who, thing, depth)


def _went(plan: Planter, who: str, thing: str, depth: float) -> Needle:
    """A journey of somebody who has, or had, the thing."""
    return _journey(plan, plan.one("moves.went"), who, thing, depth)


def _journey(plan: Planter, form: Form, who: str, thing: str, depth: float) -> Needle:
    place = plan.place()
    return plan.needle(form, depth, key=thing, value=place, person=who, thing=thing, place=place)


def _way(plan: Planter, thing: str, giver: str, taker: str) -> tuple[list[Needle], float]:
    """What happens to the thing, in order, and the depth at which it changes hands."""
    count = plan.count(3, "journeys")
    own = plan.draw.between(1, count - 2)  # journeys before it changes hands; two or more follow
    first, *depths = [*plan.beside(count + 1, 0.0, plan.depth), plan.depth]
    way = [_took(plan, giver, thing, first), *(_went(plan, giver, thing, d) for d in depths[:own])]
    form, handed = plan.wording.form("moves.handed"), depths[own]
    blanks = {"person": giver, "thing": thing, "other": taker}
    way.append(plan.needle(form, handed, key=thing, value=taker, **blanks))
    return [*way, *(_went(plan, taker, thing, d) for d in depths[own + 1 :])], handed


def _classed(needle: Needle, target: str, last: str) -> Needle:
    """What an answer with this is."""
    if needle.value == target:
        return needle
    if needle.value == last:
        return replace(needle, answer_class="distractor", detail="later")
    return replace(needle, answer_class="earlier")
