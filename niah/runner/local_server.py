"""Start an embedded model as a server on loopback, in this process, and stop it: by xllamacpp."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from niah.errors import ConfigError, UnknownName
from niah.generator.cache import writable_cache
from niah.installation import install_hint
from niah.providers.local import LOCAL_MODELS, LocalModel
from niah.text.validation import path_of

Say = Callable[[str], None]
_BLOCK = 1 << 20


@contextmanager
def local_server(
    model: str,
    longest_context: int,
    say: Say,
    *,
    slots: int = 1,
    settings: Mapping[str, Any] | None = None,
    mmproj: str | None = None,
) -> Iterator[str]:
    """The base URL of a server for a known model or a GGUF file, for as long as the block runs.

    Its window is twice the longest context (scripts differ in tokens between tokenizers), or the
    model's own where that is less. ``mmproj`` is the projector of a multimodal model. Raises
    ConfigError where engine or weights are missing or damaged.
    """
    engine = _engine()
    known = LOCAL_MODELS.get(model)
    params = engine.CommonParams()
    params.model_alias = [model]
    params.mmproj.path = str(path_of(mmproj)) if mmproj else ""
    window = 2 * longest_context + 512
    params.n_ctx = min(window, known.window) if known else window
    params.n_parallel = slots  # two at once are no faster on a CPU
    params.kv_unified = slots > 1
    if known and known.chat_template:
        params.use_jinja = True
        params.chat_template = known.chat_template
    with weights(model, known, say) if known else nullcontext(path_of(model)) as path:
        params.model.path = str(path)
        server = _started(engine, params, settings or {})
    say(f"{model} serves on {server.listening_address}")  # which has mapped the weights
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
        hint = install_hint("local")
        raise ConfigError(f"provider 'local' needs the embedded engine: {hint}") from None
    except ImportError as error:  # the wheel does not bundle the OpenMP runtime
        raise ConfigError(
            f"the embedded engine does not load ({error});"
            " on Debian or Ubuntu: apt-get install libgomp1"
        ) from error
    return xllamacpp


def _started(engine: Any, params: Any, settings: Mapping[str, Any]) -> Any:
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 2
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the kernel picks one
    params.cache_prompt = True
    params.swa_full = True  # else a prompt that shares a part of the last one is computed afresh
    params.verbosity = 0
    for key, value in settings.items():
        setattr(params, key, _setting(params, key, value))
    try:
        return engine.Server(params)
    except Exception as error:  # the engine raises whatever its C++ raised
        also = ", and mmproj that of the same one" if params.mmproj.path else ""
        raise ConfigError(
            f"the embedded engine cannot load {params.model.path} ({error});"
            f" is it a GGUF file of a text model{also}?"
        ) from error


def _setting(params: Any, key: str, value: Any) -> Any:
    """A value for the engine, a choice by the end of its name: q4_0, linear. Raises ConfigError."""
    if not hasattr(params, key) or key.startswith("_"):
        names = [name for name in dir(params) if not name.startswith("_")]
        raise UnknownName("engine setting", key, names)
    usual = getattr(params, key)
    if isinstance(usual, Enum):
        ends = {member.name.lower(): member for member in type(usual)}
        chosen = [m for name, m in ends.items() if name.endswith(f"_{str(value).lower()}")]
        if len(chosen) != 1:
            raise UnknownName(f"value of engine setting {key}", str(value), ends)
        return chosen[0]
    if isinstance(usual, bool | int | float | str) and isinstance(value, bool | int | float | str):
        with suppress(ValueError, OverflowError):
            taken = type(usual)(value)
            if taken == value or isinstance(usual, str):
                return taken
        raise ConfigError(
            f"engine setting {key} = {value!r}: write one like {usual!r}, which is usual"
        )
    raise ConfigError(
        f"engine setting {key} = {value!r}: only numbers, switches, words and choices can be set"
    )


@contextmanager
def weights(model: str, known: LocalModel, say: Say) -> Iterator[Path]:
    """The file of a known model, its SHA-256 checked at every start."""
    spec = importlib.util.find_spec(known.package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"the weights of {model} are not installed ({known.licence}): {known.install_hint()}"
        )
    whole = Path(spec.origin).with_name(known.file)
    is_whole = whole.is_file()
    parts = [whole] if is_whole else importlib.import_module(known.package).chunk_paths()
    if _sha256(parts) != known.sha256:
        raise ConfigError(
            f"{whole if is_whole else parts[0].parent}: these are not the weights of {model}"
            f" (SHA-256 differs); install them again: {known.install_hint()}"
        )
    with nullcontext(whole) if is_whole else _joined(known.file, parts, say) as path:
        yield path


def _sha256(paths: Iterable[Path]) -> str:
    """Of several files as if they were one. Raises ConfigError where one is missing."""
    digest = hashlib.sha256()
    try:
        for path in paths:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    except OSError as error:
        why = f"{path} ({error.strerror})"
        raise ConfigError(f"weights cannot be read: {why}; install them again") from error
    return digest.hexdigest()


@contextmanager
def _joined(name: str, parts: Sequence[Path], say: Say) -> Iterator[Path]:
    """Parts as one file that the engine can map.

    It is in memory where the system has such files, so that the weights lie on disk once; elsewhere
    in the cache folder, joined once.
    """
    with _file_in_memory(name) as file:
        if file is None:
            yield _joined_on_disk(name, parts, say)
            return
        try:
            _copy(parts, file)
            file.flush()
        except OSError as error:
            raise ConfigError(
                f"no memory to join {name} in ({error.strerror}); 260 MB are needed"
            ) from error
        yield Path(f"/proc/self/fd/{file.fileno()}")


@contextmanager
def _file_in_memory(name: str) -> Iterator[BinaryIO | None]:
    """None where the system has none, as outside Linux, or does not let us open it by a path."""
    try:
        file = os.fdopen(os.memfd_create(name), "wb")
    except (AttributeError, OSError):
        yield None
        return
    with file:
        yield file if Path(f"/proc/self/fd/{file.fileno()}").exists() else None


def _joined_on_disk(name: str, parts: Sequence[Path], say: Say) -> Path:
    target = writable_cache() / "models" / name
    if target.is_file() and _sha256([target]) == _sha256(parts):
        return target
    say(f"joining the parts of {name} in {target.parent}")
    temporary = target.with_suffix(f".{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            _copy(parts, file)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(
            f"cannot join the weights in {target.parent} ({error}); 260 MB are needed there"
        ) from error
    return target


def _copy(parts: Iterable[Path], file: BinaryIO) -> None:
    for part in parts:
        with part.open("rb") as source:
            shutil.copyfileobj(source, file, _BLOCK)
