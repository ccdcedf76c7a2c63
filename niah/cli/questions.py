"""niah questions: check a file of questions about transcripts, or draft one to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from niah.cli.haystack import TOKENIZER
from niah.cli.init import write_new
from niah.errors import ConfigError
from niah.generator.haystack import Corpus
from niah.generator.library import load_haystack
from niah.generator.tokenizers import tokenizer_of
from niah.tasks._episodes import draft as drafted
from niah.tasks._located import Fault, checked, episodes_of, tokens_free
from niah.tasks._questions import Question, question_file, questions_in, read_questions, shortened

HAYSTACK = click.option("--haystack", required=True, help="Haystack by name or folder, several joined as a,b.")


@click.group()
def questions() -> None:
    """Check or draft questions about what is said in your transcripts (for task natural)."""


@questions.command()
@click.argument("file")
@HAYSTACK
@TOKENIZER
def check(file: str, haystack: str, tokenizer: str) -> None:
    """Tell all that is wrong with the questions of FILE at once, and what is near to what was meant."""
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
        raise ConfigError(f"{path}: {wrong} of {number} questions cannot be asked of {corpus.name}; see above")
    read_questions([file])  # two of one wording, none at all
    click.echo(f"all {number} can be asked, with at most {free:,} tokens of haystack in a prompt ({corpus.name})")


@questions.command()
@HAYSTACK
@click.option("--count", type=click.IntRange(1, 1_000), default=8, show_default=True, help="Questions to draft.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; by default to the screen.")
@TOKENIZER
def draft(haystack: str, count: int, out: Path | None, tokenizer: str) -> None:
    """Write a file of questions to fill in: places evenly spread over a haystack, with what is said there."""
    corpus = _corpus(haystack, tokenizer)
    text = drafted(episodes_of(corpus), corpus.name, haystack, count)
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text)


def _corpus(haystack: str, tokenizer: str) -> Corpus:
    """The transcripts of a haystack. Raises ConfigError for one that is made."""
    corpus = load_haystack([name.strip() for name in haystack.split(",")], tokenizer_of(tokenizer))
    if not isinstance(corpus, Corpus):
        raise ConfigError(f"haystack {haystack!r} holds no transcripts to ask about; name one of your own")
    return corpus


def _print_question(number: int, question: Question) -> None:
    passage = shortened(question.text.replace("\n", " "))
    also = (
        f"  ({len(question.passage.left_out)} lines left out)" if question.passage and question.passage.left_out else ""
    )
    click.echo(f"{number:>3}  ok     {question.answer}: {passage}{also}")


def _print_faults(number: int, what: str, faults: list[Fault]) -> None:
    click.echo(f"{number:>3}  wrong  {what}")
    for fault in faults:
        click.echo(f"       - {fault.what}")
        for hint in fault.hints:
            click.echo(f"           {hint}")
