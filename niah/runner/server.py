"""Start an embedded model as a server on loopback, inside this process, and stop it again (by xllamacpp)."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from niah.errors import ConfigError
from niah.generator.cache import writable_cache
from niah.providers.local import LOCAL_MODELS, LocalModel

Say = Callable[[str], None]


@contextmanager
def local_server(model: str, longest_context: int, say: Say, *, slots: int = 1) -> Iterator[str]:
    """The base URL of a server for a known model or a GGUF file, for as long as the block runs.

    Its window is twice the longest context (scripts differ in tokens between tokenizers), or the model's own where
    that is less. Raises ConfigError where engine or weights are missing or damaged.
    """
    engine = _engine()
    known = LOCAL_MODELS.get(model)
    weights = _weights(model, known, say) if known else Path(model).expanduser()
    window = 2 * longest_context + 512
    server = _start(engine, weights, model, min(window, known.window) if known else window, known, slots)
    say(f"{model} serves on {server.listening_address}")
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


def _engine() -> Any:
    # spinning OpenMP threads are ruinous beside other busy processes; must be set before the import
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import xllamacpp
    except ModuleNotFoundError:
        raise ConfigError("provider 'local' needs the embedded engine: pip install 'niah[local]'") from None
    except ImportError as error:  # the wheel does not bundle the OpenMP runtime
        raise ConfigError(
            f"the embedded engine does not load ({error}); on Debian or Ubuntu: apt-get install libgomp1"
        ) from error
    return xllamacpp


def _start(engine: Any, weights: Path, alias: str, window: int, known: LocalModel | None, slots: int) -> Any:
    params = engine.CommonParams()
    params.model.path = str(weights)
    params.model_alias = [alias]
    params.n_parallel = slots  # two at once are no faster on a CPU
    params.kv_unified = slots > 1
    params.n_ctx = window
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 2
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the kernel picks one
    params.swa_full = True  # without it a prompt that shares only a part of the previous one is computed afresh
    params.cache_prompt = True
    params.verbosity = 0
    if known and known.chat_template:
        params.use_jinja = True
        params.chat_template = known.chat_template
    try:
        return engine.Server(params)
    except Exception as error:  # the engine raises whatever its C++ raised
        raise ConfigError(
            f"the embedded engine cannot load {weights} ({error}); is it a GGUF file of a text model?"
        ) from error


def _weights(model: str, known: LocalModel, say: Say) -> Path:
    """The file of a known model, its SHA-256 checked at every start."""
    spec = importlib.util.find_spec(known.package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"the weights of {model} are not installed ({known.licence}): {known.install}")
    beside = Path(spec.origin).with_name(known.file)
    if not beside.is_file():
        beside = _assembled(known, say)
    if _sha256(beside) != known.sha256:
        raise ConfigError(
            f"{beside}: these are not the weights of {model} (SHA-256 differs); install them again: {known.install}"
        )
    return beside


def _assembled(known: LocalModel, say: Say) -> Path:
    """Weights that come in parts, joined once in the cache folder."""
    target = writable_cache() / "models" / known.file
    if target.is_file() and _sha256(target) == known.sha256:
        return target
    say(f"joining the parts of {known.file} in {target.parent}")
    temporary = target.with_suffix(f".{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        importlib.import_module(known.package).assemble(temporary)
        temporary.replace(target)
    except (OSError, ValueError) as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot join the weights in {target.parent} ({error}); 260 MB are needed there") from error
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
