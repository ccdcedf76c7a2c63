"""The delivery and the form that a config names, and how large the calls of a trial are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from niah.deliveries import Chunking, Delivery, Parts, Presenter, delivery_of
from niah.deliveries.pages import Pages, look_of
from niah.deliveries.turns import Chat, Tools
from niah.experiment.controls import that_may_be_absent
from niah.experiment.experiment import Experiment
from niah.providers.media import media_limits
from niah.records import Prompt, Trial

HAS_TURNS = ("chat", "tools")


def delivery_in(experiment: Experiment) -> Delivery:
    """The delivery of a run: made once, since it keeps what does not change from trial to trial."""
    c = experiment.config
    parts = Parts(
        tokenizer=experiment.tokenizer,
        chunking=Chunking(tokens=c.chunk_tokens, overlap=c.chunk_overlap, count=c.chunk_count),
        embeds=c.embed_url is not None,
        language=experiment.language,
        says_not_there=partial(_says_not_there, experiment),
        may_be_absent=partial(_may_be_absent, experiment),
    )
    return delivery_of(c.delivery, parts)


def presenter_in(experiment: Experiment) -> Presenter | None:
    """How a run's prompts are put into messages; None: as one text."""
    c = experiment.config
    kind, _, what = c.sent_as.partition(":")
    if kind == "chat":
        role = None if c.needle_role == "any" else c.needle_role
        return Chat(tokenizer=experiment.tokenizer, turn_tokens=c.turn_tokens, role=role)
    if kind == "tools":
        return Tools(tokenizer=experiment.tokenizer, turn_tokens=c.turn_tokens, kind=what or "log")
    if kind == "pages":
        limits = media_limits(c.provider, str(c.model))
        look = look_of(c.page_px, c.page_type_px, c.page_font)
        return Pages(look=look, image_tokens=limits.image_tokens, count=experiment.tokenizer.count)
    return None


def call_tokens(experiment: Experiment, delivery: Delivery, trial: Trial) -> tuple[int, ...]:
    """Prompt tokens of the most calls of a trial."""
    tokens = experiment.prompt_tokens(trial)
    if experiment.config.delivery == "full":
        return (tokens,)
    frame = experiment.builder.overhead(experiment.plant(trial)) - experiment.reply_tokens
    return delivery.call_tokens(tokens, min(tokens, frame))


def _says_not_there(experiment: Experiment, text: str, prompt: Prompt) -> bool:
    return experiment.task.score(text, prompt.planting).answer_class == "absent"


def _may_be_absent(experiment: Experiment, prompt: Prompt) -> Prompt:
    """The prompt with a question that allows for the answer that the text does not say."""
    planting = that_may_be_absent(prompt.planting, experiment.language)
    text = prompt.text.removesuffix(prompt.planting.closing) + planting.closing
    return replace(prompt, utf8=text.encode(), planting=planting)
