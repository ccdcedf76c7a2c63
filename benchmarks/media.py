"""What pages and sound cost to make, and what the instruments that look and listen find. Wants
flite and tesseract.

python benchmarks/media.py cost: CPU seconds of 100 pages, and of an hour of speech (MP3) whose
lines are spoken; and whether a second build, in a process of its own, is the same bytes.
python benchmarks/media.py read: needles that tesseract reads at 22 pixels in 20 trials, English and
zh-Hant. python benchmarks/media.py hear: needles that PocketSphinx hears in five minutes of speech,
eleven places, then another eleven, and in five minutes without one; what the provider listener
answers about a recording at its start, middle and end; and needles about every place, each alone.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from niah.deliveries.pages import Pages, look_of
from niah.deliveries.speech import Speech
from niah.experiment.config import RunConfig
from niah.experiment.experiment import Experiment, experiment_of
from niah.generator.sound import RATE, Voice
from niah.messages import MediaPart
from niah.records import Prompt
from niah.runner.instruments import Ears
from niah.text.seeded import Draw
from niah.text.wording import wording_of

VOICE = Voice("flite -voice rms -f {text} -o {wav}")
LINES = 60  # that are spoken for the hour, over and over: speaking them is not what is measured
GAP = np.zeros(RATE // 2, np.int16)


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["cost"]:
            print("| what | size | CPU s | same bytes on a second build |\n|---|---|---|---|")
            for what in ("pages", "speech"):
                first, second = (json.loads(_again("build", what)) for _ in range(2))
                print(
                    f"| {what} | {first['size']} | {first['cpu_s']:.1f} |"
                    f" {first['digest'] == second['digest']} |"
                )
        case ["build", what]:
            print(json.dumps(built(what)))
        case ["read"]:
            print("| haystack | found | of |\n|---|---|---|")
            for haystack in ("en", "zh-hant"):
                print("| {} | {} | {} |".format(haystack, *found("ocr", "pages", haystack)))
        case ["hear"]:
            hear()
        case _:
            print(__doc__)


def _again(*arguments: str) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def built(what: str) -> dict[str, object]:
    """One build in this process: its CPU seconds, size and digest. Lines are spoken before, which
    is not counted."""
    known = experiment(62_000 if what == "pages" else 14_000)
    prompt = known.prompt(known.trials[0])
    if what == "pages":
        present = Pages(look=look_of("1024x1448", 22)).present
    else:
        spoken = [VOICE.say(line) for line in prompt.text.split("\n")[5 : 5 + LINES]]
        turn = cycle(spoken)
        present = Speech(say=lambda line: next(turn), piece_s=600.0, form="mp3").present
    began = time.process_time()
    parts = media(present(prompt))
    cpu_s = time.process_time() - began
    digest = hashlib.sha256("".join(part.digest for part in parts).encode()).hexdigest()
    seconds = sum(part.seconds or 0 for part in parts)
    size = (
        f"{len(parts)} pages"
        if what == "pages"
        else f"{seconds / 60:.0f} minutes, {len(parts)} pieces"
    )
    return {"cpu_s": cpu_s, "digest": digest, "size": size}


def experiment(length: int) -> Experiment:
    return experiment_of(
        RunConfig(provider="simulated", model="perfect", lengths=(length,), depths=(50.0,))
    )


def media(prompt: Prompt) -> list[MediaPart]:
    return [
        part for message in prompt.messages for part in message.parts if isinstance(part, MediaPart)
    ]


def found(provider: str, sent_as: str, haystack: str) -> tuple[int, int]:
    """Needles found, of how many: a run of its own."""
    run = [
        sys.executable,
        "-m",
        "niah",
        "run",
        "--provider",
        provider,
        "--model",
        "search",
        "--as",
        sent_as,
    ]
    run += ["--haystack", haystack, "--name", "it"]
    if sent_as == "pages":
        run += ["--lengths", "600", "--depths", "0:100:25", "--epochs", "4"]
    else:
        run += [
            "--tts",
            VOICE.command,
            "--lengths",
            "600",
            "--depths",
            "0:100:50",
            "--piece-s",
            "60",
        ]
    with TemporaryDirectory() as folder:
        subprocess.run(
            [*run, "--results", folder],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        recall = json.loads(Path(folder, "it", "grid.json").read_text(encoding="utf-8"))["recall"]
    return round(recall["mean"] * recall["n"]), recall["n"]


def hear() -> None:
    for first in (0, 1):
        heard(first)
    print(
        "found in a recording at start, middle and end: {} of {}".format(
            *found("listener", "speech", "en")
        )
    )
    wording, draw, ears = wording_of("en"), Draw(1, "numbers"), Ears()
    places, right = sorted(place.title() for place in wording.words("names.places")), 0
    for place in places:
        value = str(draw.between(1_000_000, 9_999_999))
        line = wording.form("magic.number.sentence").fill(key=place, value=value)
        answers = [
            line for _, line in ears.heard(np.concatenate([GAP, VOICE.say(line), GAP]).tobytes())
        ]
        right += answers == [line]
        if answers != [line]:
            print(f"{line} Heard: {' '.join(answers) or 'nothing'}", flush=True)
    print(f"{right} of {len(places)} needles, one about every place, heard right, each alone")


def heard(first: int) -> None:
    """Eleven needles among five minutes of haystack, and five minutes without."""
    known, wording = experiment(4_000), wording_of("en")
    prompt = known.prompt(known.trials[0])
    lines = [line for line in prompt.text.split("\n") if line and "magic number" not in line]
    sounds, seconds = [], 0.0
    for line in lines:
        sounds.append(np.concatenate([VOICE.say(line), GAP]))
        seconds += len(sounds[-1]) / RATE
        if seconds >= 300:
            break
    places = [place.title() for place in sorted(wording.words("names.places"))[first::4]][:11]
    values = [str(1_000_000 + 7_654_321 * (n + 1) % 8_999_999) for n in range(11)]
    form = wording.form("magic.number.sentence")
    told = [form.fill(key=place, value=value) for place, value in zip(places, values, strict=True)]
    mixed = list(sounds)
    for n, line in enumerate(told):
        mixed.insert((n + 1) * len(sounds) // 12 + n, np.concatenate([VOICE.say(line), GAP]))
    for what, sound in (("eleven needles", mixed), ("no needle", sounds)):
        whole = np.concatenate(sound)
        began = time.process_time()
        lines = [line for _, line in Ears().heard(whole.tobytes())]
        right = sum(line in told for line in lines)
        took = time.process_time() - began
        print(
            f"{len(whole) / RATE:.0f} s with {what}: {right} heard right, {len(lines) - right}"
            f" wrong, {took:.0f} CPU s"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
