"""niah haystack: import, list, check and remove transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from niah.errors import NiahError
from niah.generator.haystack import corpus_of
from niah.generator.library import (
    add_haystack,
    haystack_folders,
    imported_root,
    load_haystack,
    passed_over,
    read_episodes,
    read_manifest,
    removable_haystack,
    remove_haystack,
)
from niah.generator.tokenizers import Tokenizer, tokenizer_of
from niah.generator.transcripts import SUFFIXES
from niah.plotter.formatting import plural
from niah.records import Transcript

MOST_NAMES = 8  # of files, in a line
TOKENIZER = click.option("--tokenizer", default="o200k_base", show_default=True, help="Counts the tokens.")


@click.group()
def haystack() -> None:
    """Import, list, check and remove transcripts."""


@haystack.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--name", required=True, help="Name of the new haystack.")
@click.option(
    "--into", type=click.Path(path_type=Path), help="Folder of haystacks; by default the data folder of your account."
)
@click.option("--licence", default="not stated", show_default=True, help="Licence of the transcripts.")
@click.option("--source", default="imported", show_default=True, help="Where they come from.")
@click.option("--replace", is_flag=True, help="Write an imported haystack of that name anew.")
@TOKENIZER
def add(
    paths: tuple[Path, ...],
    name: str,
    into: Path | None,
    licence: str,
    source: str,
    replace: bool,
    tokenizer: str,
) -> None:
    """Import transcripts: files, or folders of .txt, .srt, .vtt and .md. The files are copied, never changed."""
    root = into or imported_root()
    manifest = add_haystack(paths, name, root, licence=licence, source=source, replace=replace)
    _print_check(str(manifest.folder), tokenizer)
    _print_passed_over(passed_over(paths))
    load_haystack([str(manifest.folder)], tokenizer_of(tokenizer))  # parsed and counted now, so that runs start at once
    usage = name if into is None else manifest.folder
    click.echo(f"added {manifest.folder}; use it with --haystack {usage}", err=True)


def _print_passed_over(files: Sequence[Path]) -> None:
    if files:
        more = f" and {len(files) - MOST_NAMES} more" if len(files) > MOST_NAMES else ""
        named = ", ".join(str(f) for f in files[:MOST_NAMES])
        click.echo(f"left out, as they are no {', '.join(sorted(SUFFIXES))}: {named}{more}", err=True)


@haystack.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove an imported haystack, by name or folder. The files it was imported from stay where they are."""
    manifest = removable_haystack(name)
    if not yes:
        click.confirm(
            f"remove {manifest.folder} and {plural(len(manifest.episodes), 'episode')} in it?", abort=True, err=True
        )
    remove_haystack(manifest)
    click.echo(f"removed {manifest.folder}", err=True)


@haystack.command(name="list")
@TOKENIZER
def list_haystacks(tokenizer: str) -> None:
    """List all haystacks with their language, episodes and tokens."""
    counter = tokenizer_of(tokenizer)
    for name, folder in haystack_folders().items():
        try:
            click.echo(_haystack_line(name, folder, counter))
        except NiahError as error:  # a damaged one does not hide the others
            click.echo(f"{name:<16} cannot be used: {error}")


def _haystack_line(name: str, folder: Path, counter: Tokenizer) -> str:
    manifest = read_manifest(str(folder))
    episodes = read_episodes(manifest)
    whole = corpus_of(name, manifest.language, episodes, counter)
    size = f"{len(episodes):>3} episodes {whole.segments:>8,} segments {whole.tokens:>10,} tokens"
    problems = sum(len(e.problems) for e in episodes)
    unique = f"{100 * whole.unique_share():.1f} % unique"
    return f"{name:<16} {manifest.language:<8} {size}  {unique}  {problems} problems  {manifest.licence}"


@haystack.command()
@click.argument("name")
@TOKENIZER
def check(name: str, tokenizer: str) -> None:
    """Check a haystack by name or folder: digests, tokens, segments, languages, unique share, problems."""
    _print_check(name, tokenizer)


def _print_check(name: str, tokenizer: str) -> None:
    counter = tokenizer_of(tokenizer)
    manifest = read_manifest(name)
    episodes = read_episodes(manifest)
    whole = corpus_of(manifest.name, manifest.language, episodes, counter)
    for episode, (block, start, stop) in zip(episodes, whole.episodes, strict=True):
        tokens = int(block.token_offsets[stop] - block.token_offsets[start])
        click.echo(_episode_line(episode, tokens))
        for problem in episode.problems:
            click.echo(f"    {problem.file}:{problem.line}: {problem.what}")
    click.echo(
        f"{manifest.name}: {manifest.language}, {plural(len(episodes), 'episode')}, "
        f"{plural(whole.segments, 'segment')}, {whole.tokens:,} tokens of {counter.name}, "
        f"{100 * whole.unique_share():.1f} % unique"
    )


def _episode_line(episode: Transcript, tokens: int) -> str:
    end = episode.segments[-1].end_s
    minutes = "no times" if end is None else f"{end / 60:.0f} min"
    problems = f"{len(episode.problems)} problems" if episode.problems else "no problems"
    return (
        f"{episode.name:<28} {episode.form:<14} {episode.language:<8} {len(episode.segments):>6,} segments "
        f"{tokens:>8,} tokens  {minutes:>8}  {problems}"
    )
