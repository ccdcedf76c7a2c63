"""What may stand in a haystack: niah haystack and questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from niah.cli.flags import PATH, TOKENIZER, file_option, flag, option
from niah.cli.screen import write_text
from niah.errors import ConfigError, NiahError
from niah.generator.haystack import Corpus, corpus_of
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
from niah.tasks._episodes import draft as drafted
from niah.tasks._questions import (
    Fault,
    Question,
    checked,
    episodes_of,
    question_file,
    questions_in,
    read_questions,
    shortened,
    tokens_free,
)

MOST_NAMES = 8  # of files, in a line
HAYSTACK = option(
    "--haystack", "TEXT", "Haystack by name or folder, several joined as a,b.", required=True
)


@click.group()
def haystack() -> None:
    """Import, list, check and remove transcripts."""


@haystack.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@option("--name", "TEXT", "Name of the new haystack.", required=True)
@option(
    "--into", "PATH", "Folder of haystacks; by default the data folder of your account.", type=PATH
)
@option("--licence", "TEXT", "Licence of the transcripts.", default="not stated")
@option("--source", "TEXT", "Where they come from.", default="imported")
@flag("--replace", "Write an imported haystack of that name anew.")
@TOKENIZER
def add(
    paths: tuple[Path, ...], name: str, into: Path | None, tokenizer: str, **origin: Any
) -> None:
    """Import transcripts: files, or folders of .txt, .srt, .vtt and .md.
    The files are copied, never changed.

    A recording of the same name beside subtitles (.wav, .mp3, .flac, .ogg, .opus)
    is what is heard by --as speech.
    """
    manifest = add_haystack(paths, name, into or imported_root(), **origin)
    _print_check(str(manifest.folder), tokenizer)
    if files := passed_over(paths):
        more = f" and {len(files) - MOST_NAMES} more" if len(files) > MOST_NAMES else ""
        named = ", ".join(map(str, files[:MOST_NAMES])) + more
        click.echo(f"left out, as they are no {', '.join(sorted(SUFFIXES))}: {named}", err=True)
    # parsed and counted now, so that runs start at once
    load_haystack([str(manifest.folder)], tokenizer_of(tokenizer))
    usage = name if into is None else manifest.folder
    click.echo(f"added {manifest.folder}; use it with --haystack {usage}", err=True)


@haystack.command()
@click.argument("name")
@flag("--yes", "Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove an imported haystack, by name or folder.
    The files it was imported from stay where they are.
    """
    manifest = removable_haystack(name)
    if not yes:
        inside = plural(len(manifest.episodes), "episode")
        click.confirm(f"remove {manifest.folder} and {inside} in it?", abort=True, err=True)
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
    quality = f"{100 * whole.unique_share():.1f} % unique  {problems} problems"
    return f"{name:<16} {manifest.language:<8} {size}  {quality}  {manifest.licence}"


@haystack.command()
@click.argument("name")
@TOKENIZER
def check(name: str, tokenizer: str) -> None:
    """Check a haystack by name or folder: digests, tokens, segments, languages,
    unique share, problems.
    """
    _print_check(name, tokenizer)


def _print_check(name: str, tokenizer: str) -> None:
    counter = tokenizer_of(tokenizer)
    manifest = read_manifest(name)
    episodes = read_episodes(manifest)
    whole = corpus_of(manifest.name, manifest.language, episodes, counter)
    for entry, episode, (block, start, stop) in zip(
        manifest.episodes, episodes, whole.episodes, strict=True
    ):
        tokens = int(block.token_offsets[stop] - block.token_offsets[start])
        said_in = f", recording {entry.recording}" if entry.recording else ""
        click.echo(_episode_line(episode, tokens) + said_in)
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
    problems = plural(len(episode.problems), "problem") if episode.problems else "no problems"
    kind = f"{episode.name:<28} {episode.form:<14} {episode.language:<8}"
    size = f"{plural(len(episode.segments), 'segment'):>15} {tokens:>8,} tokens"
    return f"{kind} {size}  {minutes:>8}  {problems}"


@click.group()
def questions() -> None:
    """Check or draft questions about what is said in your transcripts (for task natural)."""


@questions.command(name="check")
@click.argument("file")
@HAYSTACK
@TOKENIZER
def check_questions(file: str, haystack: str, tokenizer: str) -> None:
    """Tell all that is wrong with the questions of FILE at once,
    and what is near to what was meant.
    """
    corpus = _corpus(haystack, tokenizer)
    episodes = episodes_of(corpus)
    path = question_file(file)
    free, wrong, number = corpus.tokens, 0, 0
    for number, row in enumerate(questions_in(path), 1):
        if isinstance(row, ConfigError):
            _print_faults(number, str(row), [])
            wrong += 1
            continue
        found, faults = checked(row, episodes)
        if faults:
            _print_faults(number, shortened(row.question), faults)
            wrong += 1
            continue
        _print_question(number, found)
        free = min(free, tokens_free(found, corpus))
    if wrong:
        which = f"{wrong} of {number} questions"
        raise ConfigError(f"{path}: {which} cannot be asked of {corpus.name}; see above")
    read_questions([file])  # two of one wording, none at all
    most = f"at most {free:,} tokens of haystack in a prompt"
    click.echo(f"all {number} can be asked, with {most} ({corpus.name})")


@questions.command()
@HAYSTACK
@option("--count", None, "Questions to draft.", type=click.IntRange(1, 1_000), default=8)
@file_option("--out", "File to write; by default to the screen.")
@TOKENIZER
def draft(haystack: str, count: int, out: Path | None, tokenizer: str) -> None:
    """Write a file of questions to fill in: places evenly spread over a haystack,
    with what is said there.
    """
    corpus = _corpus(haystack, tokenizer)
    text = drafted(episodes_of(corpus), corpus.name, haystack, count)
    if out is None:
        click.echo(text, nl=False)
        return
    write_text(out, text, "x")
    click.echo(out)


def _corpus(haystack: str, tokenizer: str) -> Corpus:
    """The transcripts of a haystack. Raises ConfigError for one that is made."""
    corpus = load_haystack([name.strip() for name in haystack.split(",")], tokenizer_of(tokenizer))
    if not isinstance(corpus, Corpus):
        raise ConfigError(
            f"haystack {haystack!r} holds no transcripts to ask about; name one of your own"
        )
    return corpus


def _print_question(number: int, question: Question) -> None:
    passage = shortened(question.text.replace("\n", " "))
    if question.passage and question.passage.left_out:
        passage += f"  ({len(question.passage.left_out)} lines left out)"
    click.echo(f"{number:>3}  ok     {question.answer}: {passage}")


def _print_faults(number: int, what: str, faults: list[Fault]) -> None:
    click.echo(f"{number:>3}  wrong  {what}")
    for fault in faults:
        click.echo(f"       - {fault.what}")
        for hint in fault.hints:
            click.echo(f"           {hint}")
