"""Providers: each builds requests and reads replies of one API, and does no I/O.

The client sends what ``request`` returns, feeds the stream to a ``Reply`` and asks ``failure`` about error bodies.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from niah.errors import UnknownName
from niah.records import Outcome, Prompt, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """One line of the registry."""

    line: str  # what `niah providers` shows
    made_by: str | None = None  # module:attribute, called with a Service; None: made by the session itself
    base_url: str | None = None  # {NAME} stands for the environment's variable NAME
    marks: bool = False  # whether its cache takes marks
    key_variable: str | None = None  # read for the address above only; None: no key unless one is named
    key_header: str | None = None  # that carries the key, where it is not the protocol's own
    embedded: bool = False  # runs inside this process: no address, no key
    free: bool = False
    start: str | None = None  # the command that starts such a server on this machine

    @property
    def on_this_machine(self) -> bool:
        """Whether nothing leaves this machine by default."""
        return self.base_url is None or is_loopback(self.base_url)


_VERTEX = (
    "https://{GOOGLE_CLOUD_LOCATION}-aiplatform.googleapis.com/v1"
    "/projects/{GOOGLE_CLOUD_PROJECT}/locations/{GOOGLE_CLOUD_LOCATION}"
)

PROVIDERS: Mapping[str, ProviderEntry] = {
    "local": ProviderEntry(
        line="a small model inside this process, on your CPU: no key, no account (extra 'local')",
        embedded=True,
        free=True,
    ),
    "simulated": ProviderEntry(
        line="readers that are no models, to check the instrument: perfect, blind, head-tail, window, search",
        embedded=True,
        free=True,
    ),
    "openai": ProviderEntry(
        line="OpenAI Chat Completions, or any server that speaks it (--base-url)",
        made_by="niah.providers.presets:openai",
        base_url="https://api.openai.com/v1",
        marks=True,
        key_variable="OPENAI_API_KEY",
    ),
    "openai-responses": ProviderEntry(
        line="OpenAI Responses",
        made_by="niah.providers.responses:Responses",
        base_url="https://api.openai.com/v1",
        marks=True,
        key_variable="OPENAI_API_KEY",
    ),
    "anthropic": ProviderEntry(
        line="Anthropic Messages, or any server that speaks it",
        made_by="niah.providers.anthropic:Anthropic",
        base_url="https://api.anthropic.com/v1",
        marks=True,
        key_variable="ANTHROPIC_API_KEY",
    ),
    "gemini": ProviderEntry(
        line="Google Gemini, generateContent",
        made_by="niah.providers.gemini:Gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_variable="GEMINI_API_KEY",
    ),
    "azure": ProviderEntry(
        line="Azure OpenAI, Chat Completions; the model is the name of a deployment",
        made_by="niah.providers.presets:cloud",
        base_url="{AZURE_OPENAI_ENDPOINT}/openai/v1",
        key_variable="AZURE_OPENAI_API_KEY",
        key_header="api-key",
    ),
    "bedrock": ProviderEntry(
        line="Amazon Bedrock, Chat Completions, by an API key of Bedrock's",
        made_by="niah.providers.presets:cloud",
        base_url="https://bedrock-runtime.{AWS_REGION}.amazonaws.com/openai/v1",
        key_variable="AWS_BEARER_TOKEN_BEDROCK",
    ),
    "bedrock-anthropic": ProviderEntry(
        line="Amazon Bedrock, Anthropic Messages, by an API key of Bedrock's",
        made_by="niah.providers.anthropic:Anthropic",
        base_url="https://bedrock-mantle.{AWS_REGION}.api.aws/anthropic/v1",
        marks=True,
        key_variable="AWS_BEARER_TOKEN_BEDROCK",
    ),
    "vertex": ProviderEntry(
        line="Google Vertex AI, Chat Completions, by an access token; models as google/NAME",
        made_by="niah.providers.presets:untold",
        base_url=f"{_VERTEX}/endpoints/openapi",
        key_variable="VERTEX_ACCESS_TOKEN",
    ),
    "vertex-gemini": ProviderEntry(
        line="Google Vertex AI, Gemini's generateContent, by an access token",
        made_by="niah.providers.gemini:Gemini",
        base_url=f"{_VERTEX}/publishers/google",
        key_variable="VERTEX_ACCESS_TOKEN",
        key_header="authorization",
    ),
    "ollama": ProviderEntry(
        line="Ollama by its own route, which sets the window and refuses what does not fit",
        made_by="niah.providers.ollama:Ollama",
        base_url="http://127.0.0.1:11434",
        start="ollama serve",
    ),
    "llama.cpp": ProviderEntry(
        line="llama.cpp's llama-server",
        made_by="niah.providers.presets:llama_cpp",
        base_url="http://127.0.0.1:8080/v1",
        start="llama-server -m MODEL.gguf",
    ),
    "vllm": ProviderEntry(
        line="vLLM",
        made_by="niah.providers.presets:plain",
        base_url="http://127.0.0.1:8000/v1",
        start="vllm serve MODEL",
    ),
    "sglang": ProviderEntry(
        line="SGLang",
        made_by="niah.providers.presets:plain",
        base_url="http://127.0.0.1:30000/v1",
        start="python -m sglang.launch_server --model-path MODEL",
    ),
    "lmstudio": ProviderEntry(
        line="LM Studio",
        made_by="niah.providers.presets:lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        start="lms server start",
    ),
    "openrouter": ProviderEntry(
        line="OpenRouter, its context compression switched off",
        made_by="niah.providers.presets:openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_variable="OPENROUTER_API_KEY",
    ),
    "deepseek": ProviderEntry(
        line="DeepSeek",
        made_by="niah.providers.presets:untold",
        base_url="https://api.deepseek.com/v1",
        key_variable="DEEPSEEK_API_KEY",
    ),
    "qwen": ProviderEntry(
        line="Qwen on Alibaba's DashScope",
        made_by="niah.providers.presets:qwen",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        marks=True,
        key_variable="DASHSCOPE_API_KEY",
    ),
    "moonshot": ProviderEntry(
        line="Moonshot (Kimi)",
        made_by="niah.providers.presets:plain",
        base_url="https://api.moonshot.ai/v1",
        key_variable="MOONSHOT_API_KEY",
    ),
    "zai": ProviderEntry(
        line="Z.ai (GLM)",
        made_by="niah.providers.presets:untold",
        base_url="https://api.z.ai/api/paas/v4",
        key_variable="ZAI_API_KEY",
    ),
    "mistral": ProviderEntry(
        line="Mistral",
        made_by="niah.providers.presets:mistral",
        base_url="https://api.mistral.ai/v1",
        key_variable="MISTRAL_API_KEY",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One model behind one address: what a provider is made from."""

    provider: str
    model: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    reply_field: str | None = None  # name of the reply budget's field, where the provider's own does not fit
    longest_context: int = 0  # tokens: for servers that are told their window
    key_header: str | None = None  # that carries the key, where it is not the protocol's own

    def url(self, path: str) -> str:
        """The address of a route; what stands behind the ? of the base URL goes with every request."""
        base, _, query = self.base_url.partition("?")
        path, _, own = path.partition("?")
        both = "&".join(filter(None, (own, query)))
        return base.rstrip("/") + path + (f"?{both}" if both else "")

    def key_headers(self, usual: str) -> dict[str, str]:
        """The header that carries the key; ``usual`` is the protocol's own."""
        name = self.key_header or usual
        if not self.api_key:
            return {}
        return {name: f"Bearer {self.api_key}" if name.casefold() == "authorization" else self.api_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, ready to be sent."""

    url: str
    headers: Mapping[str, str] = field(repr=False)  # may hold a key
    body: tuple[bytes, ...] = field(default=(), repr=False)  # parts, sent in turn: a long prompt is not copied again
    method: str = "POST"
    tokens: int = 0  # of the prompt, in the run's tokenizer
    label: str = ""  # what it is for, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What an error reply means for the trial."""

    outcome: Outcome
    message: str
    retry: bool
    fatal: bool = False  # every further request would fail in the same way
    throttled: bool = False  # too much at once: all requests should slow down
    unreachable: bool = False  # nobody answers at all
    wait_s: float | None = None  # as the body asks


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One model of a server's list."""

    name: str
    window: int | None = None  # in the model's tokens, where the list tells it


class Reply(Protocol):
    """Collects one streamed reply."""

    request_id: str | None  # as the reply names itself
    finished: bool  # nothing more is to come, though the connection may stay open
    stops_once: bool  # a stop marker stands at the end only

    def feed(self, event: str) -> bool:
        """Take one event; True when it holds generated text, reasoning included. Raises ReplyError for an error."""
        ...

    @property
    def complete(self) -> bool:
        """Whether a stop marker was seen; a stream that ends without one was cut."""
        ...

    @property
    def counted(self) -> bool:
        """Whether the server's count of the prompt was seen."""
        ...

    def response(self) -> Response: ...

    def outcome(self) -> Outcome:
        """``scored`` where the answer is whole and can be scored. Raises StoppedOddly for any other stop reason."""
        ...


class Provider(Protocol):
    """One API."""

    def request(self, prompt: Prompt) -> HttpRequest: ...

    def reply(self) -> Reply: ...

    def failure(self, status: int, body: str) -> Failure: ...

    def window_request(self) -> HttpRequest | None:
        """Asks the server for its window; None where no route tells it."""
        ...

    def window_in(self, body: str) -> int | None:
        """The window in the answer to that, in the server's tokens. Raises whatever an odd shape raises."""
        ...

    def models_request(self) -> HttpRequest:
        """Asks the server for its models. A server without such a list says so by its status."""
        ...

    def models_in(self, body: str) -> list[ServedModel]:
        """The models in the answer to that. Raises whatever an odd shape raises."""
        ...


class ReplyError(Exception):
    """An error object inside a stream that began well. Carries its body for Provider.failure."""

    def __init__(self, body: str) -> None:
        super().__init__(body)
        self.body = body


class UnexpectedStop(ValueError):
    """A reply that stopped for a reason that makes it no answer; ``again`` where another try may help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


def provider_of(service: Service) -> Provider:
    """The provider of a service, by the registry."""
    module, _, attribute = str(known_provider(service.provider).made_by).partition(":")
    return cast(Provider, getattr(importlib.import_module(module), attribute)(service))


def known_provider(name: str) -> ProviderEntry:
    """Raises UnknownName for a provider that is not there."""
    if name not in PROVIDERS:
        raise UnknownName("provider", name, PROVIDERS)
    return PROVIDERS[name]


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
