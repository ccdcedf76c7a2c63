"""niah import-prompts: prompts of other benchmarks, to be run, resumed, drawn and judged like ours."""

from __future__ import annotations

from pathlib import Path

import click

from niah import api
from niah.errors import RunError
from niah.importers.prompts import FORMATS
from niah.plotter.formatting import plural


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, metavar="NAME", help=f"Whose rows these are: {', '.join(FORMATS)}.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File of prompts to write.")
@click.option("--settings", type=click.Path(path_type=Path), help="Settings of a published run, for babilong.")
@click.option("--gold", type=int, help="Move the asked pair to this place, for litm-kv.")
@click.option("--limit", type=int, help="Take the first so many rows.")
@click.option("--tokenizer", default="o200k_base", show_default=True, help="Counts the lengths.")
def import_prompts(
    path: Path, form: str, out: Path, settings: Path | None, gold: int | None, limit: int | None, tokenizer: str
) -> None:
    """Read rows of another benchmark from PATH (a file, or a folder of files), and write the prompts for niah run.

    Each keeps its targets and the origin's own scoring rule, which is named in every line of a run.
    """
    if not path.exists():
        raise RunError(f"{path}: no such file or folder")
    count = api.import_prompts(path, form, out, settings=settings, gold=gold, limit=limit, tokenizer=tokenizer)
    click.echo(f"{plural(count, 'prompt')}; run them: niah run --prompts {out} --provider ... --model ...", err=True)
    click.echo(out)
