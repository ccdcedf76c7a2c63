"""Help as people read it, and what is wrong with a command line: one line, with what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

import click

from niah.experiment.config import key_sections, shipped_configs
from niah.text.renamed import new_name

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "run": (
        "niah run demo",
        "niah run --provider openai --model MODEL --lengths 1k,8k --depths 0:100:25",
        "niah run quick --provider ollama --model A,B",
        "niah run demo --limit 3",
    ),
    "effective": (
        "niah effective --provider simulated --model window:6000 --claimed 16k",
        "niah effective MODEL --provider vllm --at-least 64k",
    ),
    "plan": ("niah plan openai-128k --model MODEL", "niah plan demo --speed demo"),
    "probe": ("niah probe --provider ollama --model MODEL --window --up-to 64k",),
    "build": ("niah build --haystack en --lengths 4k,128k --depths 0,50 --out prompts.jsonl",),
    "collect": ("niah collect answers.jsonl --run demo",),
    "list": ("niah list", "niah list --json"),
    "show": (
        "niah show demo --wrong",
        "niah show demo 8k 50",
        "niah show demo e77d8f",
        "niah show --diff OLD NEW",
        "niah show --task multikey --length 2k --depth 50",
    ),
    "report": ("niah report demo",),
    "plot": (
        "niah plot demo --out demo.svg",
        "niah plot OLD NEW --curves",
        "niah plot demo --card --size post",
    ),
    "view": ("niah view", "niah view results --port 8800 --open"),
    "page": ("niah page demo --out report.html", "niah page OLD NEW --out both.html"),
    "compare": ("niah compare OLD NEW",),
    "engine": (
        "niah engine --provider vllm --base-url http://A/v1 --base-url http://B/v1",
        "niah engine --provider local --set cache_type_k=q4_0 --markdown engine.md",
    ),
    "gate": ("niah gate NEW --baseline baselines/OLD.json --config gate.toml",),
    "power": ("niah power ci --provider openai --model MODEL --drop 5",),
    "baseline": ("niah baseline save demo",),
    "baseline save": ("niah baseline save demo --out baselines/main.json",),
    "history": ("niah history check",),
    "history add": ("niah history add demo",),
    "history show": ("niah history show --out history.png",),
    "history check": ("niah history check history/ci.jsonl",),
    "score": ("niah score demo",),
    "judge": ("niah judge demo --provider openai --model MODEL",),
    "init": ("niah init run", "niah init gate --out gate.toml"),
    "doctor": ("niah doctor", "niah doctor --provider vllm --base-url http://127.0.0.1:8000/v1"),
    "tasks": ("niah tasks", "niah tasks multikey"),
    "providers": ("niah providers",),
    "models": ("niah models --provider ollama",),
    "haystack": ("niah haystack list",),
    "haystack add": ("niah haystack add FOLDER --name mine",),
    "haystack list": ("niah haystack list",),
    "haystack remove": ("niah haystack remove mine",),
    "haystack check": ("niah haystack check en",),
    "questions": ("niah questions draft --haystack mine --out questions.toml",),
    "questions check": ("niah questions check questions.toml --haystack mine",),
    "questions draft": ("niah questions draft --haystack mine --out questions.toml",),
    "batch": (
        "niah batch submit --provider openai --model MODEL --run big",
        "niah batch collect big",
    ),
    "batch submit": ("niah batch submit --provider openai --model MODEL --run big",),
    "batch status": ("niah batch status big",),
    "batch collect": ("niah batch collect big",),
    "submit": ("niah submit demo --model MODEL --on slurm --run big --workers 8",),
    "merge": ("niah merge demo", "niah merge HERE THERE --name both"),
    "import-prompts": ("niah import-prompts ROWS --format jsonl --out prompts.jsonl",),
    "import-results": ("niah import-results results.json --format kamradt --model MODEL",),
}
_NO_COMMAND = re.compile(r"No such command (.+)\.")  # of a click: "No such command 'rum'."


class Setting(click.Option):
    """A flag for a config key."""


class Command(click.Command):
    """A command that takes CONFIG and a flag for every config key; its help is in sections."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            names = f"the name of a shipped one: {', '.join(shipped_configs())}."
            formatter.write_text(f"CONFIG is a TOML file (see: niah init run), or {names}")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        settings = {str(o.name): o for o in options if isinstance(o, Setting)}
        sections = {"Options": [o for o in options if not isinstance(o, Setting)]}
        for title, keys in key_sections().items():
            sections[title] = [settings[key] for key in keys if key in settings]
        for title, listed in sections.items():
            with formatter.section(title):
                formatter.write_dl([row for o in listed if (row := o.get_help_record(ctx))])


def with_examples(command: click.Command, path: str) -> click.Command:
    """The command with its examples. Those inside it have theirs, and are listed by a sentence."""
    examples = EXAMPLES[path]
    title = "Example:" if len(examples) == 1 else "Examples:"
    command.epilog = "\n".join(["\b", title, *(f"  {line}" for line in examples)])
    for name, inner in (command.commands if isinstance(command, click.Group) else {}).items():
        with_examples(inner, f"{path} {name}")
        first, _, _ = " ".join((inner.help or "").split("\n\n")[0].split()).partition(". ")
        inner.short_help = inner.short_help or first.rstrip(".") + "."
    return command


def in_our_voice(error: click.ClickException) -> str:
    """One line: what is wrong with which word, what was perhaps meant, where it is told."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "niah"
    return f"{_what(error, context)} (see: {path} --help)"


def _what(error: click.ClickException, context: click.Context | None) -> str:
    match error:
        case click.NoSuchOption() if context is not None:
            params = context.command.get_params(context)
            flags = [flag for p in params for flag in (*p.opts, *p.secondary_opts)]
            known = [flag for flag in flags if flag.startswith("--")]
            new = f"--{new_name(error.option_name[2:].replace('-', '_'))}".replace("_", "-")
            if new in known:
                return f"{error.option_name} is called {new} now"
            return f"no option {error.option_name}{_guess(error.option_name, known)}"
        case click.BadOptionUsage():
            return f"{error.option_name} needs a value"
        case click.MissingParameter() if error.param is not None:
            return f"{_name(error.param)} is missing"
        case click.BadParameter() if error.param is not None:
            return f"{_name(error.param)}: {_plain(error.message)}"
    unknown = _NO_COMMAND.fullmatch(error.message)  # which only newer clicks tell apart
    if unknown and context and isinstance(context.command, click.Group):
        known = context.command.list_commands(context)
        return f"no command {unknown[1]}{_guess(unknown[1][1:-1], known)}"
    return _plain(error.format_message())


def _name(param: click.Parameter) -> str:
    """--out, or RUN."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    plain = (param.metavar or "").strip("[]")
    return plain if plain.isupper() and "|" not in plain else str(param.name).upper()


def _plain(message: str) -> str:
    """Without a capital and a full stop, as a part of a line."""
    text = " ".join(message.split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _guess(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
