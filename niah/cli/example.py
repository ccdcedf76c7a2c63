"""niah show --task: a whole example prompt with its needles marked, without a model."""

from __future__ import annotations

from niah.experiment.experiment import Experiment
from niah.records import Needle, Prompt, Trial
from niah.text.lengths import label_of

START, END = ">>> ", " <<<"


def example(experiment: Experiment, control: str | None) -> str:
    """The prompt of the recipe's first trial (of that control), and below it what is expected."""
    trial = next(t for t in experiment.trials if t.control == control)
    prompt = experiment.prompt(trial)
    return f"{marked(prompt)}\n\n{_legend(trial, prompt)}"


def marked(prompt: Prompt) -> str:
    """The prompt with every line of a needle between marks."""
    text = prompt.text
    head = prompt.planting.opening if text.startswith(prompt.planting.opening) else ""
    body = text[len(head) :]
    for needle in prompt.planting.needles:
        shown = "\n".join(f"{START}{line}{END}" for line in needle.text.split("\n"))
        body = f"\n{body}".replace(f"\n{needle.text}\n", f"\n{shown}\n", 1)[1:]
    return head + body


def _legend(trial: Trial, prompt: Prompt) -> str:
    total = prompt.tokens + prompt.reply_tokens
    lines = [f"length    {total:,} tokens ({label_of(total)}): prompt {prompt.tokens:,} + reply {prompt.reply_tokens}"]
    for needle, place in zip(prompt.planting.needles, prompt.placements, strict=False):
        depths = f"asked {place.depth_percent:.4g} %, actual {place.actual_depth_percent:.3f} %"
        lines.append(f"needle    {depths}: {kind_of(needle)}: {' / '.join(needle.text.split(chr(10)))}")
    return "\n".join([*lines, f"expected  {expected_label(trial, prompt.planting.targets)}"])


def kind_of(needle: Needle) -> str:
    """What an answer with this needle's value would be."""
    return f"{needle.answer_class} ({needle.detail})" if needle.detail else needle.answer_class


def expected_label(trial: Trial, targets: tuple[str, ...]) -> str:
    """The targets, or that there is nothing to find."""
    return "that it is not there" if trial.control == "absent" else ", ".join(targets)
