"""What all protocols have in common: addresses, headers, bodies, and what a server is asked beside prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from niah.providers import Failure, HttpRequest, ServedModel, Service
from niah.providers.failures import failure_of
from niah.providers.replies import TextReply
from niah.providers.shapes import Shaped
from niah.providers.wire import body_with, merged
from niah.records import Prompt
from niah.text.outside import json_in

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class HttpApi:
    """One model behind one address. A protocol says where its routes are and what its bodies hold."""

    service: Service
    window_path: str | None = None  # the route that tells a model's window

    KEY_HEADER: ClassVar[str] = "Authorization"
    HEADERS: ClassVar[Mapping[str, str]] = {}  # of every request
    ACCEPT: ClassVar[Mapping[str, str]] = {"Accept": "text/event-stream"}  # of those with a prompt
    ROUTE: ClassVar[str]  # of prompts, with {model}
    MODELS: ClassVar[str] = "/models"  # lists the models
    REPLY: ClassVar[type[TextReply]]

    def shaped(self, prompt: Prompt) -> Shaped:
        """The prompt's messages, or all of it as one user message, in parts where it has splits."""
        raise NotImplementedError

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """The body around these messages."""
        raise NotImplementedError

    def window_among(self, table: Any) -> int | None:
        """The window in the answer of that route."""
        return None

    def models_among(self, table: Any) -> list[ServedModel]:
        """The models in a list of them."""
        raise NotImplementedError

    def request(self, prompt: Prompt) -> HttpRequest:
        """A prompt, and what the service adds to every request."""
        shaped = self.shaped(prompt)
        return HttpRequest(
            url=self.service.url(self.ROUTE.format(model=self.model)),
            headers={**_JSON, **self.ACCEPT, **self.headers()},
            body=body_with(merged(self.table(prompt, shaped.messages), self.service.extra), *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> TextReply:
        return self.REPLY()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key)

    def window_request(self) -> HttpRequest | None:
        return None if self.window_path is None else self.get(self.window_path.format(model=self.model))

    def window_in(self, body: str) -> int | None:
        return self.window_among(json_in(body))

    def models_request(self) -> HttpRequest:
        return self.get(self.MODELS)

    def models_in(self, body: str) -> list[ServedModel]:
        return self.models_among(json_in(body))

    @property
    def model(self) -> str:
        return self.service.model

    def get(self, path: str) -> HttpRequest:
        return HttpRequest(url=self.service.url(path), headers=self.headers(), method="GET")

    def headers(self) -> dict[str, str]:
        return {**self.HEADERS, **self.service.key_headers(self.KEY_HEADER)}
