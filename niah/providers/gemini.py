"""Gemini generateContent, streamed. Its cache works by itself and costs nothing to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from niah.providers import Failure, HttpRequest, ServedModel, Service
from niah.providers.failures import failure_of
from niah.providers.replies import TextReply, count_of
from niah.providers.shapes import gemini_contents, gemini_tools
from niah.providers.wire import body_with, merged
from niah.records import Prompt, Usage
from niah.text.outside import json_in


@dataclass(frozen=True, slots=True)
class Gemini:
    """One model of Gemini's."""

    service: Service

    def request(self, prompt: Prompt) -> HttpRequest:
        """The prompt's messages, or all of it as one part of one content."""
        shaped = gemini_contents(prompt)
        table = {
            "contents": shaped.messages,
            **gemini_tools(prompt),
            "generationConfig": {self.service.reply_field or "maxOutputTokens": prompt.reply_tokens},
        }
        return HttpRequest(
            url=self._model_url(":streamGenerateContent?alt=sse"),
            headers={"Content-Type": "application/json", **self._headers()},
            body=body_with(merged(table, self.service.extra), *shaped.texts),
            tokens=prompt.tokens,
        )

    def reply(self) -> ContentReply:
        return ContentReply()

    def failure(self, status: int, body: str) -> Failure:
        return failure_of(status, body, key=self.service.api_key)

    def window_request(self) -> HttpRequest:
        return HttpRequest(url=self._model_url(), headers=self._headers(), method="GET")

    def window_in(self, body: str) -> int | None:
        return count_of(json_in(body).get("inputTokenLimit")) or None

    def models_request(self) -> HttpRequest:
        return HttpRequest(url=self.service.url("/models?pageSize=1000"), headers=self._headers(), method="GET")

    def models_in(self, body: str) -> list[ServedModel]:
        """Those that generate content; others embed or count only."""
        rows = json_in(body)["models"]
        return [
            ServedModel(name=str(r["name"]).removeprefix("models/"), window=count_of(r.get("inputTokenLimit")) or None)
            for r in rows
            if "generateContent" in r.get("supportedGenerationMethods", ["generateContent"])
        ]

    def _model_url(self, verb: str = "") -> str:
        return self.service.url(f"/models/{self.service.model.removeprefix('models/')}{verb}")

    def _headers(self) -> dict[str, str]:
        return self.service.key_headers("x-goog-api-key")


class ContentReply(TextReply):
    """A stream of partial replies, each of which may hold a stop reason.

    A blocked prompt has no candidate, only a reason.
    """

    stops_once = False

    def take(self, chunk: dict[str, Any]) -> bool:
        self._model = chunk.get("modelVersion") or self._model
        self.request_id = chunk.get("responseId") or self.request_id
        if counts := chunk.get("usageMetadata"):
            self._usage = _usage(counts)
        if blocked := (chunk.get("promptFeedback") or {}).get("blockReason"):
            self._refusal.append(f"blocked: {blocked}")
            self._stop_reason = blocked
        candidate = self.first_of(chunk.get("candidates")) or {}
        parts = (candidate.get("content") or {}).get("parts") or []
        self._text += [part.get("text") or "" for part in parts if not part.get("thought")]
        self._stop_reason = candidate.get("finishReason") or self._stop_reason
        return any(part.get("text") for part in parts)


def _usage(counts: dict[str, Any]) -> Usage:
    """The prompt's count includes what was cached; the candidates' leaves out thoughts, which are paid for as well."""
    answer, thoughts = count_of(counts.get("candidatesTokenCount")), count_of(counts.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=count_of(counts.get("promptTokenCount")),
        cached_tokens=count_of(counts.get("cachedContentTokenCount")),
        output_tokens=None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        reasoning_tokens=thoughts,
    )
