"""A TOML file and command-line overrides in, a RunConfig out. Defaults are written here only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from niah.deliveries import check_delivery
from niah.errors import UnknownName
from niah.experiment import values
from niah.text.lengths import depths_of, length_of, lengths_of
from niah.text.outside import without_secrets
from niah.text.validation import model_from, table_in
from niah.text.wording import LANGUAGES

TABLES = ("extra", "engine", "headers")  # keys that hold one
_Form = Literal["text", "chat", "tools", "tools:files", "tools:search", "pages", "speech"]
NOT_IDENTITY = ("access", "pace", "money", "label")  # what two commands of one run may differ in


def _key(what: str, description: str, default: Any = None, **bounds: Any) -> Any:
    """A key that decides ``what``, by what help says, its default (perhaps ``dict``), its bounds.

    A key decides one of these, and no more. ``grid``: which trials there are. ``prompts``: their
    bytes. ``scores``: how answers are judged. ``controls``: which trials stand beside the grid.
    ``delivery``: what of a prompt reaches the model, which no trial's id holds, so that runs pair.
    ``model``: who is asked, and how. ``access``: who may ask. ``pace``: how fast and how patiently.
    ``money``: what it may cost. ``label``: what is written beside the picture.
    """
    given = {"default_factory": dict} if default is dict else {"default": default}
    return Field(description=description, json_schema_extra={"decides": what}, **given, **bounds)


_DECIDED = "grid prompts scores controls delivery model access pace money label"
_grid, _prompts, _scores, _controls, _delivery, _model, _access, _pace, _money, _label = (
    partial(_key, what) for what in _DECIDED.split()
)


def _right(check: Callable[[Any], None], key: str) -> Any:
    """A validator of a key whose value stays as it is. ``check`` raises for a wrong one."""

    def passed(value: Any) -> Any:
        if value is not None:
            check(value)
        return value

    return field_validator(key)(passed)


class DeliveryKeys(BaseModel):
    """The part of RunConfig that says what of a prompt reaches the model, and in what form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: str = _delivery(
        "What of a prompt reaches the model: full, window:TOKENS, summarise,"
        " or retrieve or hybrid (:bm25, :dense, :rrf).",
        "full",
    )
    sent_as: _Form = _delivery(
        "How it is sent: as text, as turns of a chat,"
        " as what a tool returned, as page images, or spoken.",
        "text",
    )
    page_px: str = _delivery("Width and height of a page in pixels, for --as pages.", "1024x1448")
    page_type_px: int = _delivery(
        "Size of type on a page in pixels, for --as pages.", 22, ge=4, le=400
    )
    page_font: str | None = _delivery("Font file for pages; default: one that has all signs.")
    tts: str | None = _delivery(
        "Command that speaks the file {text} into the file {wav}, for --as speech."
    )
    audio_form: Literal["wav", "mp3", "opus", "flac"] = _delivery(
        "Form of sound, for --as speech.", "mp3"
    )
    piece_s: float = _delivery(
        "About how many seconds one piece of sound has, for --as speech; trials share pieces.",
        600.0,
        gt=0,
    )
    media_share: int = _delivery(
        "Percent of the haystack, from its end, as pages or speech; the rest stays text.",
        100,
        ge=1,
        le=100,
    )
    media: Literal["inline", "upload"] = _delivery(
        "Whether pages and sound go with every request, or are uploaded once and referenced.",
        "inline",
    )
    turn_tokens: int = _delivery(
        "Least tokens of a turn or tool result, for --as chat and tools.", 128, ge=1, le=100_000
    )
    needle_role: Literal["any", "user", "assistant"] = _delivery(
        "In whose turn the needle stands, for --as chat.", "any"
    )
    chunk_tokens: int | None = _delivery(
        "Most tokens of a chunk; default: 256 that are retrieved, 2k that are summarised.", ge=16
    )
    chunk_overlap: int | None = _delivery(
        "Tokens that a chunk repeats of the one before; default: 32, of summaries none.", ge=0
    )
    chunk_count: int = _delivery("Chunks that retrieval sends.", 5, ge=1, le=10_000)
    embed_url: str | None = _delivery(
        "Server of dense vectors, ending in /v1; default: the token table of the embedded model."
    )
    embed_model: str | None = _delivery("Model that the server of dense vectors is asked for.")
    embed_key_env: str | None = _access("Environment variable that holds the key of that server.")
    history: Literal["keeps", "breaks"] = _prompts(
        "Whether the assistant's turns keep the rule of task instruction.", "breaks"
    )


class RunConfig(DeliveryKeys):
    """One sweep of one model. Every field is a key of the TOML file and a flag of run and plan."""

    provider: str = _model("API that serves the model (see: niah providers).", "local")
    model: str | None = _model("Model name, or for 'local' a path to a GGUF file.")
    base_url: str | None = _model("Address of the server, ending in /v1.")
    api_key_env: str | None = _access("Environment variable that holds the key.")
    api_key_file: str | None = _access("File that holds the key, and nothing else.")
    extra: dict[str, Any] = _model(
        "Further request field, as KEY=JSON (temperature=0); may be repeated.", dict
    )
    headers: dict[str, str] = _model(
        "Further request header, as NAME=VALUE; may be repeated. Values are not logged.", dict
    )
    haystack: tuple[str, ...] = _prompts(
        "Haystack by name or folder, several joined as a,b, or a made one (synthetic:LANGUAGE).",
        ("en",),
    )
    task: str = _prompts("What to plant and ask (see: niah tasks).", "single")
    language: str = _prompts(
        f"Language of needle and question: auto, {', '.join(LANGUAGES)}.", "auto"
    )
    distractor_count: int = _prompts(
        "Further needles that are wrong answers, for the tasks that plant them.", 2, ge=0, le=64
    )
    lure_count: int = _prompts(
        "Sentences in the question's own words that answer nothing, for task associative.",
        0,
        ge=0,
        le=64,
    )
    value_kind: Literal["number", "word", "uuid"] = _prompts(
        "What kind of thing a needle's value is.", "number"
    )
    placement: Literal["together", "spread", "random"] = _prompts(
        "Where the needles of a question go, where it has several.", "spread"
    )
    needle_count: int | None = _prompts(
        "How many needles one question has; default: the task's.", ge=1, le=64
    )
    ask_for: Literal["latest", "first"] = _prompts(
        "Which statement task update asks for.", "latest"
    )
    tolerance_s: float = _scores(
        "Seconds that a time may be off, scored beside the exact one.", 30.0, ge=0
    )
    questions: tuple[str, ...] = _prompts(
        "Question files of task natural, several joined as a,b.", ()
    )
    controls: bool = _controls("Also run absent, closed-book and oracle once per epoch.", False)
    may_be_absent: bool = _prompts(
        "Tell every question that the text may not say, as the absent control is told.", False
    )
    prompts: str | None = _prompts("File of niah import-prompts: ask these instead of ours.")
    tokenizer: str = _prompts(
        "Counts the lengths: o200k_base, cl100k_base or file:PATH.", "o200k_base"
    )
    lengths: tuple[int, ...] = _grid("Context lengths: 1k,2k,4k.", (1_000, 2_000, 4_000, 8_000))
    depths: tuple[float, ...] = _grid(
        "Depths in percent: 0,50,100 or 0:100:25.", (0.0, 25.0, 50.0, 75.0, 100.0)
    )
    aligned: bool = _prompts(
        "Move lengths and depths a little, so that a cache can serve more of each prompt.", False
    )
    epochs: int = _grid(
        "Trials per cell, each epoch with a stretch of haystack of its own.", 1, ge=1, le=1_000
    )
    adaptive: bool = _grid(
        "Find the effective length: each length is tried until it is decided.", False
    )
    bisect: bool = _grid("Of an adaptive run: halve the lengths instead of going up.", False)
    threshold: float = _grid(
        "Of an adaptive run: share found at a length that holds.", 0.856, gt=0, lt=1
    )
    trials_per_length: int = _grid(
        "Of an adaptive run: most trials at one length.", 110, ge=10, le=1_000
    )
    seed: int = _prompts(
        "Another seed draws other needles and other stretches of the haystack.", 0, ge=0
    )
    haystack_per: Literal["epoch", "trial"] = _prompts(
        "Draw the stretch of haystack per epoch (caches help)"
        " or per trial (independent, for gates).",
        "epoch",
    )
    engine: dict[str, Any] = _model("Of 'local': KEY=VALUE, like cache_type_k=q4_0.", dict)
    mmproj: str | None = _model("Of 'local': GGUF file of the projector of a multimodal model.")
    target_logprob: bool = _model(
        "Also ask how probable the right answer is, where servers tell.", False
    )
    reply_tokens: int | None = _prompts("Reply budget; default: the task's.", ge=1, le=200_000)
    reply_field: str | None = _model("Request field of the reply budget; default: the provider's.")
    cache_marks: bool = _prompts(
        "Mark in requests what the server should keep, where a cache wants to be told.", False
    )
    order: Literal["cache", "length", "shuffled"] = _pace(
        "Order of requests: those that share text together, short ones first, or shuffled.", "cache"
    )
    price: dict[str, float] | None = _money(
        "US dollars per million tokens, as input=2,cached=0.2,write=2.5,output=10; else looked up."
    )
    claimed: int | None = _label("Context length that the model's maker states, like 128k.")
    concurrency: int | None = _pace(
        "Most requests in flight; fewer while the server is overloaded.", ge=1, le=1_024
    )
    in_flight_tokens: int = _pace(
        "Most prompt tokens in flight; a longer prompt goes alone.", 16_000_000, ge=1
    )
    requests_per_minute: float | None = _pace("Most requests sent in a minute.", gt=0)
    tokens_per_minute: float | None = _pace("Most prompt tokens sent in a minute.", gt=0)
    attempts: int = _pace("HTTP tries for one trial.", 8, ge=1, le=20)
    timeout_s: float | None = _pace(
        "Longest silence of the server, in seconds; default: learnt from its answers.", gt=0
    )
    longest_wait_s: float = _pace(
        "Longest pause that a server may ask for, in seconds; after a longer one the run stops.",
        600.0,
        ge=0,
    )
    patience: float = _pace(
        "How long to wait for a server that throttles or is away (90s, 15m, 1h),"
        " before the run stops.",
        3_600.0,
        ge=0,
    )
    max_errors: int | None = _pace("Stop once so many trials have ended as errors.", ge=1)
    ca_file: str | None = _access(
        "PEM file of certificate authorities to believe beside the usual."
    )
    max_cost: float | None = _money("Stop before the whole run has cost more US dollars.", gt=0)
    max_tokens: int | None = _money(
        "Stop before the whole run has used more tokens, prompts and replies.", ge=1
    )
    canary: bool = _pace(
        "Before the sweep, ask about front and middle of the longest prompt; stop if not seen.",
        False,
    )
    max_minutes: float | None = _money("Send nothing more after so many minutes.", gt=0)

    _read_lengths = field_validator("lengths", mode="before")(lengths_of)
    _read_depths = field_validator("depths", mode="before")(depths_of)
    _read_haystack = field_validator("haystack", mode="before")(values.haystack_names)
    _read_questions = field_validator("questions", mode="before")(values.question_files)
    _read_patience = field_validator("patience", mode="before")(values.patience_of)
    _read_price = field_validator("price", mode="before")(values.price_table)
    _read_tokens = field_validator(
        "reply_tokens", "in_flight_tokens", "tokens_per_minute", "max_tokens", mode="before"
    )(values.tokens_of)
    _read_claimed = field_validator("claimed", mode="before")(
        lambda v: None if v is None else length_of(v)
    )
    _right_address = _right(partial(values.check_address, key="base_url"), "base_url")
    _right_embed_address = _right(partial(values.check_address, key="embed_url"), "embed_url")
    _right_delivery = _right(check_delivery, "delivery")
    _right_price = _right(values.check_price, "price")
    _right_extra = _right(values.check_extra, "extra")
    _right_reply_field = _right(values.check_reply_field, "reply_field")
    _right_headers = _right(values.check_headers, "headers")
    _right_language = _right(values.check_language, "language")

    def identity(self) -> dict[str, Any]:
        """What must be equal for two commands of one run, ``[key]`` for what may be a secret.

        How fast, how patiently and who pays is left out, and what of its delivery is as ever.
        """
        free = {key for key in RunConfig.model_fields if decides(key) in NOT_IDENTITY}
        as_ever = {
            key
            for key, field in RunConfig.model_fields.items()
            if (decides(key) == "delivery" or key == "prompts")
            and getattr(self, key) == field.default
        }
        return without_secrets(self.model_dump(mode="json", exclude=free | as_ever))


def decides(key: str) -> str | None:
    """What a config key decides; None for one that this niah does not know."""
    field = RunConfig.model_fields.get(key)
    extra = field.json_schema_extra if field else None
    return str(extra["decides"]) if isinstance(extra, dict) else None


_SECTIONS = {  # of help and templates, by what their keys decide
    "Model": ("model", "access", "label"),
    "Grid": ("grid",),
    "Text and task": ("prompts", "scores", "controls"),
    "Delivery": ("delivery",),
    "Pace": ("pace",),
    "Budget": ("money",),
}


def key_sections() -> dict[str, list[str]]:
    """The config keys by what they decide, as they are declared, those of deliveries last."""
    keys = sorted(RunConfig.model_fields, key=lambda key: key in DeliveryKeys.model_fields)
    return {title: [k for k in keys if decides(k) in of] for title, of in _SECTIONS.items()}


def read_config(path: Path | None, overrides: Mapping[str, Any]) -> RunConfig:
    """The config of a TOML file (or of nothing) with overrides, of which None means "not given".

    Raises ConfigError for an unreadable file or value, UnknownName for an unknown key.
    """
    if path is None:
        return model_from(RunConfig, settings_over({}, overrides), "config key")
    return model_from(RunConfig, settings_over(table_in(path), overrides), f"config key in {path}")


def settings_over(table: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others on top (None means "not given"); tables among them are merged."""
    given = {k: v for k, v in overrides.items() if v is not None}
    for key in TABLES:
        if isinstance(table.get(key), dict) and isinstance(given.get(key), dict):
            given[key] = {**table[key], **given[key]}
    return {**table, **given}


def config_of(config: RunConfig | str | Path | None, overrides: Mapping[str, Any]) -> RunConfig:
    """A config by name, by path, as it is, or of nothing, with overrides as in ``read_config``.

    Raises ConfigError or UnknownName.
    """
    if isinstance(config, RunConfig):
        table = settings_over(config.model_dump(exclude_unset=True), overrides)
        return model_from(RunConfig, table, "config key") if overrides else config
    return read_config(None if config is None else config_path(str(config)), overrides)


def config_path(name: str) -> Path:
    """The file of a config: a path, or the name of a shipped one. Raises UnknownName."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_configs()
    if name not in shipped:
        raise UnknownName("config file", name, shipped)
    return shipped[name]


def shipped_configs() -> dict[str, Path]:
    """The files of the shipped configs, by name."""
    # brings 0.2 s of imports that commands about finished runs do not need
    from niah.generator.library import shared_root

    return {p.stem: p for p in sorted(shared_root("configs").glob("*.toml"))}
