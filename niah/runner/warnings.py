"""What a person must know about a server before a sweep, from the small requests."""

from __future__ import annotations

from niah.experiment.experiment import Experiment
from niah.runner.preflight import Preflight
from niah.text.lengths import label_of


def preflight_warnings(found: Preflight, experiment: Experiment) -> list[str]:
    """About the server, from the small requests."""
    said = list(found.canary)
    known = found.calibration
    if known is None:
        said.append(
            "the server does not say how many prompt tokens it counted, or always says the same: "
            "a part that it drops in silence cannot be noticed" + ("" if found.canary else "; --canary looks for one")
        )
    elif not known.is_exact:
        said.append(
            f"the server counts {known.narrow:.2f} tokens for one of {experiment.tokenizer.name}: a dropped part of "
            f"less than {known.resolution:.0%} cannot be noticed; --tokenizer file:PATH of the model's own finds any"
        )
    if found.window is not None:
        ratio = 1.0 if found.calibration is None else min(found.calibration.narrow, found.calibration.wide)
        beyond = [n for n in experiment.config.lengths if n * ratio > found.window]  # surely, whatever the script
        if beyond:
            lengths = ", ".join(map(label_of, beyond))
            said.append(f"the server says its window is {found.window:,} tokens: {lengths} will not fit")
    return said
