"""Tasks about what comes again: how many, in which order, the third; and a rule for every turn."""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks._frame import Asked, planting_of
from niah.tasks._planter import BuiltIn, Planter, cities, words_in
from niah.text.wording import LANGUAGES, Form, Wording, wording_of

_MOST_AGAIN = 3  # people who are met again
_NOT_THERE = {wording_of(language).text("frame.not_there").casefold() for language in LANGUAGES}


class Count(BuiltIn):
    """How many different people somebody ran into: some of them more than once, others only nearly.

    No line says the number, and the number of lines is not the answer (counting as in RULER's
    aggregation tasks, arXiv:2404.06654; people, sentences and the draw are ours). From 2 to
    ``needle_count`` people are met, as drawn for every trial, so a fixed answer is right in 1 of
    ``needle_count`` - 1. Of ``distractor_count`` lines every other one tells of somebody
    whom the asked person missed, in the question's own words; the rest are meetings of others.
    """

    def planted(self, plan: Planter) -> Planting:
        """The meetings as ``placement`` says, in a drawn order; what misleads anywhere."""
        person, different = plan.person(), plan.draw.between(2, plan.count(2, "people", self.COUNT))

        def met(form: Form, who: str, other: str, depth: float, *said: str) -> Needle:
            place = plan.place()
            blanks = {"person": who, "other": other, "place": place}
            return plan.needle(form, depth, *said, key=other, value=place, **blanks)

        people = [plan.person() for _ in range(different)]
        again = plan.draw.shuffled(people)[: plan.draw.between(1, _MOST_AGAIN)]
        people = plan.draw.shuffled([*people, *again])
        depths = plan.depths(len(people))
        needles = [
            met(plan.one("count.met"), person, other, depth)
            for other, depth in zip(people, depths, strict=True)
        ]
        for i in range(plan.options.distractor_count):
            form = plan.one("count.met" if i % 2 else "count.missed")
            who, said = (plan.person(), "distractor") if i % 2 else (person, "near-miss")
            needles.append(met(form, who, plan.person(), plan.anywhere(), said))
        question = plan.said("count.question", person=person)
        return plan.planting("count.hint", question, needles, [str(different)])

    def score(self, text: str, planting: Planting) -> Score:
        """The number, and no other. That there was nobody is said of an absent needle."""
        expected = scorers.expected_of(planting).told_alike()
        return scorers.count(text, replace(expected, other_keys=()))

    def answer(self, asked: Asked) -> str | None:
        """The number of names in the sentences that tell of a meeting of the asked person."""
        people = {line["other"] for line in asked.found("count.met", **asked.blanks)}
        return str(len(people)) if people else None


class Order(BuiltIn):
    """Journeys of one year, told in any order;
    the cities in the order of the calendar are asked for.

    Every journey is told with a day that everybody can place (on Halloween, 端午節), so that
    neither where it stands in the text nor a date to sort by gives its place (ordered needles after
    Sequential-NIAH, arXiv:2504.04713; days, sentences and the score are ours). Of
    ``distractor_count`` lines every other one is a journey of somebody else, and the rest are
    journeys of the asked person that came to nothing, in the question's own words.
    """

    def planted(self, plan: Planter) -> Planting:
        """The journeys as ``placement`` says, in a drawn order, and others anywhere."""
        days, draw = plan.wording.texts("order.days"), plan.draw
        count = plan.count(2, "journeys", len(days))
        person = plan.person()

        def went(form: Form, who: str, place: str, day: str, depth: float, *said: str) -> Needle:
            blanks = {"person": who, "place": place, "when": day}
            return plan.needle(form, depth, *said, key=who, value=place, **blanks)

        chosen = sorted(draw.shuffled(range(len(days)))[:count])
        dated = draw.shuffled([(day, plan.place()) for day in chosen])
        needles = [
            went(plan.one("order.told"), person, place, days[day], depth)
            for (day, place), depth in zip(dated, plan.depths(count), strict=True)
        ]
        for i in range(plan.options.distractor_count):
            day, depth = draw.choice(days), plan.anywhere()
            form = plan.one("order.told" if i % 2 else "order.cancelled")
            who, said = person, ["near-miss", "cancelled"]
            if i % 2:
                who, said = plan.person(), ["distractor"]
            needles.append(went(form, who, plan.place(), day, depth, *said))
        question = plan.said("order.question", person=person)
        return plan.planting("order.hint", question, needles, [place for _, place in sorted(dated)])

    def score(self, text: str, planting: Planting) -> Score:
        """1 for all cities in their order and no other, else 0; how many is scored apart."""
        return scorers.name_sequence(text, scorers.expected_of(planting), cities())

    def answer(self, asked: Asked) -> str | None:
        """The cities of the asked person's journeys by the place of their days in the calendar."""
        days = asked.wording.texts("order.days")
        told = (asked.found("order.told", when=day, **asked.blanks) for day in days)
        return ", ".join(dict.fromkeys(line["place"] for lines in told for line in lines))


class Repeat(BuiltIn):
    """The third of several like things: which film was it that somebody recommended third?

    After MRCR (Michelangelo, arXiv:2409.12640): the same person recommends things of one kind over
    and over, in other words than the question, and the place in the order of the text is asked for.
    It is drawn anew for every trial, so that neither the first nor the last one is the answer more
    often than others. Depth is that of the asked one; the others stand on both sides of it, as
    ``placement`` says (see ``Planter.beside``). ``distractor_count`` things are of another kind by
    the same person or of the same kind by others, every other one in the question's own words.
    """

    def planted(self, plan: Planter) -> Planting:
        """What the person recommends of the asked kind, in order; then of others, or by others."""
        ordinals = plan.wording.texts("repeat.ordinals")
        kinds = [row["name"] for row in plan.wording.rows("repeat.kinds")]
        count, draw, depth = plan.count(2, "things", len(ordinals)), plan.draw, plan.depth

        def told(form: Form, who: str, kind: str, depth: float, *said: str) -> Needle:
            blanks = {"person": who, "kind": kind}
            return plan.needle(form, depth, *said, key=who, value=plan.title(), **blanks)

        person, kind, asked = plan.person(), draw.choice(kinds), draw.below(count)
        before, after = plan.beside(asked, 0.0, depth), plan.beside(count - 1 - asked, depth, 100.0)
        retold = _retellings(plan.wording, kind)
        classes = [*[("earlier",)] * asked, ("right",), *[("distractor", "later")] * len(after)]
        needles = [
            told(draw.choice(retold), person, kind, at, *said)
            for at, said in zip([*before, depth, *after], classes, strict=True)
        ]
        others = [name for name in kinds if name != kind]
        for i in range(plan.options.distractor_count):
            who, what = (person, draw.choice(others)) if i % 2 == 0 else (plan.person(), kind)
            if i % 4 < 2:
                form = plan.wording.form("repeat.said")
            else:
                form = draw.choice(_retellings(plan.wording, what))
            needles.append(told(form, who, what, plan.anywhere(), "distractor"))
        question = plan.said("repeat.question", ordinal=ordinals[asked], kind=kind, person=person)
        return plan.planting("repeat.hint", question, needles, [needles[asked].value])

    def score(self, text: str, planting: Planting) -> Score:
        """The title, and no other; none that is given another place, be it by a list's number."""
        expected, said = scorers.expected_of(planting), scorers.answer_in(text)
        every = (wording_of(language).texts("repeat.ordinals") for language in LANGUAGES)
        ordinals = next((o for o in every if any(name in planting.question for name in o)), ())
        for number, ordinal in enumerate(ordinals, 1):
            said = re.sub(rf"(?m)^\W*{number}[.)、](?=\s)|[(（]{number}[)）]", f"{ordinal}: ", said)
        asked = tuple(ordinal for ordinal in ordinals if ordinal in planting.question)
        others = tuple(ordinal for ordinal in ordinals if ordinal not in asked)
        keyed = replace(expected, keys=asked, other_keys=others)
        return scorers.name_by_place(said, keyed, words_in(said))

    def answer(self, asked: Asked) -> str | None:
        """The title at the asked place among those of the kind that the person recommends."""
        form = asked.wording.form("repeat.question").text
        for kind in (row["name"] for row in asked.wording.rows("repeat.kinds")):
            # kind by kind, because in Chinese nothing stands between it and the place
            if blanks := Form(form.replace("{kind}", kind)).parse(asked.question):
                found = asked.found(*_retellings(asked.wording, kind), person=blanks["person"])
                at = asked.wording.texts("repeat.ordinals").index(blanks["ordinal"])
                return found[at]["value"] if at < len(found) else None
        return None


def _retellings(wording: Wording, kind: str) -> tuple[Form, ...]:
    """Every sentence that recommends something of a kind without naming the kind."""
    does = next(row["does"] for row in wording.rows("repeat.kinds") if row["name"] == kind)
    return tuple(Form(form.text.replace("{does}", does)) for form in wording.forms("repeat.told"))


class Instruction(BuiltIn):
    """A rule is set in one turn and must hold in the last: after how many turns is it forgotten?

    The user says a name and wants it in every answer; talk follows, read out turn by turn, and
    between any two turns the assistant says a word, with the name in it (``history = keeps``) or
    without (``breaks``). Then a greeting is asked for, which says nothing of the rule. Depth is
    that of the rule: 0 is the first turn, 100 puts it right before the question, which is the
    control "said again at the end". The control ``absent`` has no rule: what still says the name
    copies the history.
    Made for ``--as chat``; as text the assistant's words are lines among others.
    """

    def planted(self, plan: Planter) -> Planting:
        """The rule at the trial's depth, and the assistant's words as turns of their own."""
        name = plan.person()
        rule = plan.needle(plan.wording.form("instruction.rule"), None, key=name, value=name)
        turns = plan.trial.context_length // plan.options.turn_tokens - 1
        kept, bare = plan.wording.forms("instruction.kept"), plan.wording.forms("instruction.bare")
        marks = []
        for i in range(turns):
            depth = 100 * (i + 1) / (turns + 1)
            keeps = plan.options.history == "keeps" and depth > plan.depth
            word = (kept if keeps else bare)[i % len(bare)].fill(value=name)
            marks.append(replace(rule, text=word, depth_percent=depth, speaker="assistant"))
        opening, question = plan.said("instruction.opening"), plan.said("instruction.question")
        planting = planting_of(plan.language, f"{opening}\n\n", question, [rule], [name])
        return replace(planting, marks=tuple(marks))

    def score(self, text: str, planting: Planting) -> Score:
        """Whether the name is said. Without a rule in the text, any other greeting is right."""
        (name,), answer = planting.targets, scorers.said_in(text, planting.question)
        absent = answer.casefold() in _NOT_THERE
        silent = not re.search(r"\w", answer)
        if not absent and (silent or scorers.is_echo(answer, planting.question)):
            return scorers.wrong_score("echo", "repeated the question, or said nothing")
        if scorers.names_in(answer, [name]):
            return Score(value=1.0, answer_class="right", explanation=f"said {name}")
        kind = "forgot" if planting.needles and not absent else "not-there"
        return scorers.wrong_score(kind, f"did not say {name}")

    def answer(self, asked: Asked) -> str | None:
        """A greeting, by name where the text sets the rule."""
        rules = asked.found("instruction.rule")
        if not rules:
            return None
        return asked.wording.forms("instruction.kept")[0].fill(value=rules[-1]["value"])
