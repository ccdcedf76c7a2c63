"""Gemini generateContent, streamed. Its cache works by itself and costs nothing to write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from niah.messages import MediaPart, TextPart
from niah.providers import ServedModel
from niah.providers.files import ResumableFiles
from niah.providers.replies import HttpApi, TextReply, count_of, usage_in
from niah.providers.shapes import Shaped, declared, join_to, messages_of, schema_of
from niah.records import Prompt, Usage
from niah.text.outside import json_in

# taken where a call was not made by the model itself (the page on thought signatures)
NOT_ITS_OWN_CALL = "skip_thought_signature_validator"
_ROLES = {"assistant": "model", "tool": "user"}
_USAGE = {
    "input_tokens": "promptTokenCount",
    "cached_tokens": "cachedContentTokenCount",
    "output_tokens": "candidatesTokenCount",
    "reasoning_tokens": "thoughtsTokenCount",
}


class ContentReply(TextReply):
    """A stream of partial replies with a stop reason in any; a blocked prompt has that alone."""

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


@dataclass(frozen=True, slots=True)
class Gemini(HttpApi):
    """One model of Gemini's."""

    window_path: str | None = "/models/{model}"

    KEY_HEADER: ClassVar = "x-goog-api-key"
    ACCEPT: ClassVar = {}
    ROUTE: ClassVar = "/models/{model}:streamGenerateContent?alt=sse"
    MODELS: ClassVar = "/models?pageSize=1000"
    REPLY: ClassVar = ContentReply
    FILES: ClassVar = ResumableFiles()

    @property
    def model(self) -> str:
        return self.service.model.removeprefix("models/")

    def shaped(self, prompt: Prompt) -> Shaped:
        """Roles user and model, ``functionCall`` and ``functionResponse``."""
        shaped = Shaped()
        for message in messages_of(prompt):
            call = message.call
            parts: list[dict[str, Any]]
            if call and message.role == "tool":
                result = {"response": {"output": shaped.place(message.parts[0])}}
                parts = [{"functionResponse": {"id": call.id, "name": call.name, **result}}]
            elif call:
                said = {"id": call.id, "name": call.name, "args": dict(call.arguments)}
                parts = [{"functionCall": said, "thoughtSignature": NOT_ITS_OWN_CALL}]
            else:
                parts = [_part(shaped, part) for part in message.parts]
            role = _ROLES.get(message.role, message.role)
            join_to(shaped, {"role": role, "parts": parts}, "parts")
        return shaped

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        schemas = [schema_of(tool, "parametersJsonSchema") for tool in prompt.tools]
        system = [{"parts": m["parts"]} for m in messages if m["role"] == "system"]
        return {
            **({"systemInstruction": system[0]} if system else {}),  # the first, if any
            "contents": messages[len(system) :],
            **declared([{"functionDeclarations": schemas}] if schemas else []),
            "generationConfig": {
                self.service.reply_field or "maxOutputTokens": prompt.reply_tokens
            },
        }

    def window_among(self, table: Any) -> int | None:
        return count_of(table.get("inputTokenLimit")) or None

    def models_in(self, body: str) -> list[ServedModel]:
        """Those that generate content; others embed or count only."""
        made = "generateContent"
        rows = json_in(body)["models"]
        return [
            ServedModel(name=str(r["name"]).removeprefix("models/"), window=self.window_among(r))
            for r in rows
            if made in r.get("supportedGenerationMethods", [made])
        ]


def _part(shaped: Shaped, part: TextPart | MediaPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": shaped.place(part)}
    if part.reference is not None:
        return {"fileData": {"mimeType": part.mime, "fileUri": part.reference}}
    return {"inlineData": {"mimeType": part.mime, "data": shaped.place(part)}}


def _usage(counts: dict[str, Any]) -> Usage:
    """The prompt's count has what was cached in it; the answer's leaves out paid thoughts."""
    told = usage_in(counts, _USAGE)
    written = [n for n in (told.output_tokens, told.reasoning_tokens) if n is not None]
    return replace(told, output_tokens=sum(written) if written else None)
