"""A task over turns: whether what was said once is kept."""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.tasks._planter import BuiltIn, Planter
from niah.tasks._template import Asked, planting_of
from niah.text.wording import languages, wording_of

_NOT_THERE = {wording_of(language).text("frame.not_there").casefold() for language in languages()}


class Instruction(BuiltIn):
    """A rule is set in one turn and must hold in the last: after how many turns is it forgotten?

    The user says a name and wants it in every answer; talk follows, read out turn by turn, and between any two turns
    the assistant says a word, with the name in it (``history = keeps``) or without (``breaks``). Then a greeting is
    asked for, which says nothing of the rule. Depth is that of the rule: 0 is the first turn, 100 puts it right before
    the question, which is the control "said again at the end". The control ``absent`` has no rule: what still says the
    name copies the history. Made for ``--as chat``; as text the assistant's words are lines among others.
    """

    def planted(self, plan: Planter) -> Planting:
        """The rule at the trial's depth, and the assistant's words as turns of their own."""
        name = plan.person()
        rule = plan.needle(plan.wording.form("instruction.rule"), None, key=name, value=name)
        turns = plan.trial.context_length // plan.options.turn_tokens - 1
        depths = [100 * (i + 1) / (turns + 1) for i in range(turns)]
        kept, bare = plan.wording.forms("instruction.kept"), plan.wording.forms("instruction.bare")
        marks = []
        for i, depth in enumerate(depths):
            keeps = plan.options.history == "keeps" and depth > plan.depth
            word = (kept if keeps else bare)[i % len(bare)].fill(**({"value": name} if keeps else {}))
            marks.append(replace(rule, text=word, depth_percent=depth, speaker="assistant"))
        opening = plan.said("instruction.opening") + "\n\n"
        return planting_of(plan.language, opening, plan.said("instruction.question"), [rule], [name], marks)

    def score(self, text: str, planting: Planting) -> Score:
        """Whether the name is said. Without a rule in the text, any other greeting is right."""
        (name,), answer = planting.targets, scorers.said_in(text, planting.question)
        absent = answer.casefold() in _NOT_THERE
        if not absent and (not re.search(r"\w", answer) or scorers.is_echo(answer, planting.question)):
            return Score(value=0.0, answer_class="echo", explanation="repeated the question, or said nothing")
        if scorers.names_in(answer, [name]):
            return Score(value=1.0, answer_class="right", explanation=f"said {name}")
        kind = "forgot" if planting.needles and not absent else "not-there"
        return Score(value=0.0, answer_class=kind, explanation=f"did not say {name}")

    def answer(self, asked: Asked) -> str | None:
        """A greeting, by name where the text sets the rule."""
        rules = asked.found("instruction.rule")
        return asked.wording.forms("instruction.kept")[0].fill(value=rules[-1][1]["value"]) if rules else None
