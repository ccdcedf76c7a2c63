"""Before a sweep, where it is asked for: are front and middle of the longest prompt seen at all?

For servers whose counts tell nothing: they do not count, or count a prompt that they then cut. A canary is easier than
any needle: the same line several times over. The same question over these lines alone is its control, so that a model
which cannot answer it anyway is not taken for a server that cuts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from niah.errors import ProviderError
from niah.experiment.experiment import Experiment
from niah.providers import Provider
from niah.records import Outcome, Planting, Prompt, Trial
from niah.runner.client import Client
from niah.runner.exchange import Answer
from niah.tasks import TaskContext, _magic_number
from niah.tasks._template import planting_of
from niah.text.lengths import label_of
from niah.text.seeded import Draw

PLACES = {"front": 0.0, "middle": 50.0}  # depth in percent
_LINES = 5  # that one canary takes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """How one canary fared."""

    place: str
    length: int
    control: bool  # whether it was found without a haystack
    found: bool | None  # None: the long prompt was not answered
    said: str

    @property
    def is_missing(self) -> bool:
        return self.control and self.found is False

    def line(self) -> str:
        where = f"the {self.place} of {label_of(self.length)}"
        if self.found is None:
            return f"canary: {where} could not be asked about ({self.said})"
        if self.found:
            return f"canary: {where} was seen"
        if self.control:
            return f"canary: {where} was not seen (answered {self.said!r}; right without a haystack)"
        return f"canary: the model does not answer even without a haystack ({self.said!r}): nothing is known of {where}"


async def look_for_canaries(client: Client, provider: Provider, experiment: Experiment) -> tuple[str, ...]:
    """What was found, a line for each place.

    Raises ProviderError where a place of the long prompt is not seen, OutageError where nobody answers.
    """
    seen = [await _look(client, provider, experiment, place) for place in PLACES]
    missing = [s for s in seen if s.is_missing]
    if missing:
        raise ProviderError(
            f"{'; '.join(s.line() for s in missing)}: the server seems to drop a part of long prompts in silence; "
            "give it a larger window or ask for shorter --lengths, or go on with --no-canary if the model is to blame"
        )
    return tuple(s.line() for s in seen)


async def _look(client: Client, provider: Provider, experiment: Experiment, place: str) -> _Seen:
    planting, length = planted(experiment, place), max(experiment.config.lengths)
    alone = experiment.builder.bare(planting, [needle.text for needle in planting.needles])
    failed = "the canary check failed, and no trial was sent"
    control = await client.ask_or_raise(provider.request(alone), failed)
    answer = await client.ask_or_raise(provider.request(long_prompt(experiment, planting)), failed)
    said = answer.response.text.strip()[:60] if answer.response else str(answer.error)
    return _Seen(
        place=place,
        length=length,
        control=_is_right(control, planting),
        found=_is_right(answer, planting) if answer.outcome is Outcome.SCORED else None,
        said=said,
    )


def planted(experiment: Experiment, place: str) -> Planting:
    """All canaries, and the question about one; the haystack around them is the same for each."""
    trial = _longest(experiment)
    options = replace(experiment.options, value_kind="number")
    site = TaskContext(trial=trial, haystack=experiment.haystack, language=experiment.language, options=options)
    draw = Draw(experiment.config.seed, "canary")
    planting = _magic_number.plant(draw, site, list(PLACES.values()))
    asked = planting.needles[list(PLACES).index(place)]
    lines = [replace(n, text="\n".join([n.text] * _LINES)) for n in planting.needles]
    question = _magic_number.question_for(experiment.language, "number", asked.key)
    return planting_of(experiment.language, planting.opening, question, lines, [asked.value])


def long_prompt(experiment: Experiment, planting: Planting) -> Prompt:
    """The canaries in a haystack of the longest length."""
    return experiment.builder.build(_longest(experiment), planting)


def _longest(experiment: Experiment) -> Trial:
    length = max(experiment.config.lengths)
    return Trial(id="", task=experiment.config.task, context_length=length, depth_percent=0.0, epoch=0)


def _is_right(answer: Answer, planting: Planting) -> bool:
    if answer.outcome is not Outcome.SCORED or answer.response is None:
        return False
    return _magic_number.score(answer.response.text, planting).value == 1
