"""The sides of build.py, each run in a process of its own: niah, the straightforward method,
needlehaystack 2.

    python build_sides.py SIDE FOLDER LENGTHS DEPTHS SWEEP_LENGTHS SWEEP_DEPTHS

FOLDER holds the haystack as .txt files. LENGTHS are built twice at a depth (first cell, further
cell); the sweep is built once, each prompt thrown away.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from measure import Watch

NEEDLE = "The magic number for Lisbon is 4830172."
Build = Callable[[int, float], object]


def straightforward(folder: Path, watch: Watch) -> Build:
    """Encode everything for every cell: repeat, encode, cut, decode, insert, encode again to know
    the count."""
    import tiktoken

    place, _, tokenizer = str(folder).partition("@")
    encoding = tiktoken.get_encoding(tokenizer or "o200k_base")
    encoding.encode_ordinary("x")
    texts = [p.read_text(encoding="utf-8") for p in sorted(Path(place).glob("*.txt"))]
    watch.time("encode the haystack once", lambda: encoding.encode_ordinary("".join(texts)))

    def build(length: int, depth: float) -> int:
        text = "".join(texts)
        while len(encoding.encode_ordinary(text)) < length:
            text += "".join(texts)
        ids = encoding.encode_ordinary(text)[:length]
        place = int(len(ids) * depth / 100)
        whole = encoding.decode(ids[:place]) + NEEDLE + encoding.decode(ids[place:])
        return len(encoding.encode_ordinary(whole))

    return build


def needlehaystack(folder: Path, watch: Watch) -> Build:
    """The peer's own parts, put together as its runner does: one load and one trim per length, kept
    for its depths."""
    from needlehaystack.core import tokens
    from needlehaystack.haystacks.files import FilesHaystack
    from needlehaystack.inserters.single_depth import SingleDepthInserter

    haystack, inserter = FilesHaystack(path=str(folder)), SingleDepthInserter()
    loaded: dict[int, list[int]] = {}

    def build(length: int, depth: float) -> str:
        if length not in loaded:
            loaded[length] = tokens.encode(haystack.load(length))[:length]
        placed = inserter.insert(loaded[length], [NEEDLE], depth)
        return str(tokens.decode(placed.new_tokens))

    return build


def niah(folder: Path, watch: Watch) -> Build:
    """Ours: the same files as an imported haystack; the config's lengths do not matter to a single
    prompt."""
    from niah.experiment.config import RunConfig
    from niah.experiment.experiment import Experiment, experiment_of
    from niah.experiment.trials import trials_of
    from niah.generator.tokenizers import tokenizer_of

    name, _, tokenizer = str(folder).partition("@")
    tokenizer = tokenizer or "o200k_base"
    config = RunConfig(provider="simulated", model="perfect", haystack=(name,), tokenizer=tokenizer)
    experiments: list[Experiment] = []
    watch.time("load tokenizer", lambda: tokenizer_of(tokenizer).count("x"))
    watch.time("load haystack", lambda: experiments.append(experiment_of(config)))

    def build(length: int, depth: float) -> int:
        [trial] = trials_of("single", "benchmark", [length], [depth], 1)
        return len(experiments[0].prompt(trial).utf8)

    return build


def main() -> None:
    side, folder, lengths, depths, sweep_lengths, sweep_depths = sys.argv[1:]
    watch = Watch()
    build = {"straightforward": straightforward, "needlehaystack": needlehaystack, "niah": niah}[
        side
    ](Path(folder), watch)
    first, further = (float(d) for d in depths.split(","))
    for length in (int(n) for n in lengths.split(",") if n):
        watch.time(f"first {length}", lambda n=length: build(n, first))  # type: ignore[misc]  # bound at once
        watch.time(f"further {length}", lambda n=length: build(n, further))  # type: ignore[misc]

    def sweep() -> None:
        for n in (int(n) for n in sweep_lengths.split(",") if n):
            for d in (float(d) for d in sweep_depths.split(",") if d):
                build(n, d)

    watch.time("sweep", sweep)
    watch.report()


if __name__ == "__main__":
    main()
