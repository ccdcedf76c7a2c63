"""Gemini generateContent, streamed. Its cache works by itself and costs nothing to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from niah.messages import MediaPart, TextPart
from niah.providers import ServedModel
from niah.providers.files import ResumableFiles
from niah.providers.replies import HttpApi, TextReply, count_of
from niah.providers.shapes import Shaped, declared, join_to, messages_of, schema_of
from niah.records import Prompt, Usage
from niah.text.outside import json_in

# taken where a call was not made by the model itself (the page on thought signatures)
NOT_ITS_OWN_CALL = "skip_thought_signature_validator"


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
            call, role = (
                message.call,
                {"assistant": "model", "tool": "user"}.get(message.role, message.role),
            )
            if call and message.role == "tool":
                response = {
                    "id": call.id,
                    "name": call.name,
                    "response": {"output": shaped.place(message.parts[0])},
                }
                parts: list[dict[str, Any]] = [{"functionResponse": response}]
            elif call:
                said = {"id": call.id, "name": call.name, "args": dict(call.arguments)}
                parts = [{"functionCall": said, "thoughtSignature": NOT_ITS_OWN_CALL}]
            else:
                parts = [_part(shaped, part) for part in message.parts]
            join_to(shaped, {"role": role, "parts": parts}, "parts", "")
        return shaped

    def table(self, prompt: Prompt, messages: list[dict[str, Any]]) -> dict[str, Any]:
        schemas = [schema_of(tool, "parametersJsonSchema") for tool in prompt.tools]
        system = [
            {"parts": message["parts"]} for message in messages if message["role"] == "system"
        ]
        return {
            **({"systemInstruction": system[0]} if system else {}),  # it is the first one
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
        return [
            ServedModel(
                name=str(row["name"]).removeprefix("models/"), window=self.window_among(row)
            )
            for row in json_in(body)["models"]
            if "generateContent" in row.get("supportedGenerationMethods", ["generateContent"])
        ]


def _part(shaped: Shaped, part: TextPart | MediaPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": shaped.place(part)}
    if part.reference is not None:
        return {"fileData": {"mimeType": part.mime, "fileUri": part.reference}}
    return {"inlineData": {"mimeType": part.mime, "data": shaped.place(part)}}


def _usage(counts: dict[str, Any]) -> Usage:
    """The prompt's count includes what was cached; the candidates' leaves out thoughts, which are
    paid for as well."""
    answer, thoughts = (
        count_of(counts.get("candidatesTokenCount")),
        count_of(counts.get("thoughtsTokenCount")),
    )
    return Usage(
        input_tokens=count_of(counts.get("promptTokenCount")),
        cached_tokens=count_of(counts.get("cachedContentTokenCount")),
        output_tokens=(
            None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)
        ),
        reasoning_tokens=thoughts,
    )
