"""Messages in the shapes of the APIs: turns, tool calls with their results, pictures and sound. No I/O.

Each shape is a list for the table of a request, with PLACE where a text or encoded bytes belong, and what belongs
there, in order: ``body_with`` puts both together, the prompt as it is and held once. Roles alternate as every API wants
them: niah's messages begin with a user's and end with one, and every call of a tool is followed by its result.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from niah.messages import MediaPart, Message, TextPart, ToolCall
from niah.records import Prompt

# what Gemini takes where a call was not made by itself (its page on thought signatures)
NOT_ITS_OWN_CALL = "skip_thought_signature_validator"
Part = TextPart | MediaPart
Table = dict[str, Any]
PLACE = "\ue000"  # stands for the prompt while the rest of the body is written
MARKS = 4  # as many as Anthropic, OpenAI and DashScope take in one request
_CONTROL = re.compile(rb"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Shaped:
    """Messages in one API's shape; ``texts`` fills its PLACEs in order."""

    messages: list[Table] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)

    def place(self, part: Part, prefix: bytes = b"") -> str:
        """Where a part's text, or its bytes in base64, will stand."""
        self.texts.append(part.utf8 if isinstance(part, TextPart) else prefix + base64.b64encode(part.load()))
        return PLACE

    def address(self, part: MediaPart) -> str:
        """Where a part will stand as a data URL."""
        return self.place(part, f"data:{part.mime};base64,".encode())


def messages_of(prompt: Prompt) -> tuple[Message, ...]:
    """The prompt's messages; without any of its own the whole text as one of the user's, parted where it has splits."""
    parts = (TextPart(utf8=text, marked=marked) for text, marked in blocks_of(prompt))
    return prompt.messages or (Message(role="user", parts=tuple(parts)),)


def chat_messages(prompt: Prompt, mark: Mapping[str, Any]) -> Shaped:
    """Chat Completions: roles user, assistant with ``tool_calls``, tool. A single text is a plain string."""
    shaped = Shaped()
    for message in messages_of(prompt):
        table: Table = {"role": message.role, "content": ""}
        if message.parts:
            table["content"] = _content(shaped, message.parts, mark, "text", _chat_media)
        if message.call and message.role == "tool":
            table["tool_call_id"] = message.call.id
        elif message.call:
            table["tool_calls"] = [{"id": message.call.id, "type": "function", "function": _function(message.call)}]
        shaped.messages.append(table)
    return shaped


def chat_tools(prompt: Prompt) -> Table:
    return _declared([{"type": "function", "function": _schema(t, "parameters")} for t in prompt.tools])


def response_items(prompt: Prompt, mark: Mapping[str, Any]) -> Shaped:
    """Responses: messages, and ``function_call`` with ``function_call_output`` as items of their own."""
    shaped = Shaped()
    for message in messages_of(prompt):
        call = message.call
        if call and message.role == "tool":
            output = shaped.place(message.parts[0])
            shaped.messages.append({"type": "function_call_output", "call_id": call.id, "output": output})
        elif call:
            shaped.messages.append({"type": "function_call", "call_id": call.id, **_function(call)})
        elif message.role == "user":
            blocks = [_block(shaped, part, mark, "input_text", _response_media) for part in message.parts]
            shaped.messages.append({"role": "user", "content": blocks})
        else:
            shaped.messages.append({"role": message.role, "content": shaped.place(message.parts[0])})
    return shaped


def response_tools(prompt: Prompt) -> Table:
    return _declared([{"type": "function", **_schema(t, "parameters"), "strict": False} for t in prompt.tools])


def anthropic_messages(prompt: Prompt, mark: Mapping[str, Any]) -> Shaped:
    """Messages: ``tool_use`` in an assistant's turn, ``tool_result`` first in the user's next one."""
    shaped = Shaped()
    for message in messages_of(prompt):
        call, role = message.call, "assistant" if message.role == "assistant" else "user"
        content: Any
        if call and message.role == "tool":
            result = shaped.place(message.parts[0])
            content = [{"type": "tool_result", "tool_use_id": call.id, "content": result}]
        elif call:
            content = [{"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}]
        else:
            content = _content(shaped, message.parts, mark, "text", _anthropic_media)
        _joined(shaped, {"role": role, "content": content}, "content", "text")
    return shaped


def anthropic_tools(prompt: Prompt) -> Table:
    return _declared([_schema(tool, "input_schema") for tool in prompt.tools])


def gemini_contents(prompt: Prompt) -> Shaped:
    """generateContent: roles user and model, ``functionCall`` and ``functionResponse``."""
    shaped = Shaped()
    for message in messages_of(prompt):
        call, role = message.call, "model" if message.role == "assistant" else "user"
        if call and message.role == "tool":
            response = {"id": call.id, "name": call.name, "response": {"output": shaped.place(message.parts[0])}}
            parts: list[Table] = [{"functionResponse": response}]
        elif call:
            said = {"id": call.id, "name": call.name, "args": dict(call.arguments)}
            parts = [{"functionCall": said, "thoughtSignature": NOT_ITS_OWN_CALL}]
        else:
            parts = [_gemini_part(shaped, part) for part in message.parts]
        _joined(shaped, {"role": role, "parts": parts}, "parts", "")
    return shaped


def gemini_tools(prompt: Prompt) -> Table:
    schemas = [_schema(tool, "parametersJsonSchema") for tool in prompt.tools]
    return _declared([{"functionDeclarations": schemas}] if schemas else [])


def _content(shaped: Shaped, parts: Sequence[Part], mark: Mapping[str, Any], kind: str, media: Any) -> Any:
    """A plain string where there is one text and nothing to mark, else a list of blocks."""
    if len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].marked:
        return shaped.place(parts[0])
    return [_block(shaped, part, mark, kind, media) for part in parts]


def _block(shaped: Shaped, part: Part, mark: Mapping[str, Any], kind: str, media: Any) -> Table:
    if isinstance(part, MediaPart):
        return dict(media(shaped, part))
    return {"type": kind, "text": shaped.place(part), **(mark if part.marked else {})}


def _chat_media(shaped: Shaped, part: MediaPart) -> Table:
    if part.pixels is not None:
        return {"type": "image_url", "image_url": {"url": shaped.address(part)}}
    sound = {"data": shaped.place(part), "format": part.mime.removeprefix("audio/").replace("mpeg", "mp3")}
    return {"type": "input_audio", "input_audio": sound}


def _response_media(shaped: Shaped, part: MediaPart) -> Table:
    if part.pixels is not None:
        return {"type": "input_image", "detail": "auto", "image_url": shaped.address(part)}
    return _chat_media(shaped, part)


def _anthropic_media(shaped: Shaped, part: MediaPart) -> Table:
    source = {"type": "base64", "media_type": part.mime, "data": shaped.place(part)}
    return {"type": "image", "source": source}  # it takes no sound: refused before anything is sent


def _gemini_part(shaped: Shaped, part: Part) -> Table:
    if isinstance(part, TextPart):
        return {"text": shaped.place(part)}
    return {"inlineData": {"mimeType": part.mime, "data": shaped.place(part)}}


def _joined(shaped: Shaped, table: Table, key: str, kind: str) -> None:
    """Add a message; one of the same role as the last is joined to it, since roles alternate."""
    if shaped.messages and shaped.messages[-1]["role"] == table["role"]:
        last = shaped.messages[-1]
        last[key] = _as_blocks(last[key], kind) + _as_blocks(table[key], kind)
    else:
        shaped.messages.append(table)


def _as_blocks(content: Any, kind: str) -> list[Table]:
    return [{"type": kind, "text": content}] if isinstance(content, str) else list(content)


def _function(call: ToolCall) -> Table:
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}


def _schema(tool: Any, parameters: str) -> Table:
    return {"name": tool.name, "description": tool.description, parameters: dict(tool.parameters)}


def _declared(tools: list[Table]) -> Table:
    """The field of a request; none where nothing is declared."""
    return {"tools": tools} if tools else {}


def body_with(table: Mapping[str, Any], *texts: bytes) -> tuple[bytes, ...]:
    """The body of a request as parts: every PLACE in the table, in order, is filled with the next text (UTF-8)."""
    written = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    frame = written.split(json.dumps(PLACE, ensure_ascii=False))
    parts = [frame[0].encode()]
    for text, behind in zip(texts, frame[1:], strict=True):
        parts += [json_string(text), behind.encode()]
    return tuple(parts)


def blocks_of(prompt: Prompt) -> list[tuple[bytes, bool]]:
    """The prompt cut at its splits, and whether a cache mark belongs at the end of each block.

    Marked are the last ends before the first needle: with needles rising from trial to trial, an earlier trial wrote
    at one of them, and this one writes the rest.
    """
    ends = [*prompt.splits, len(prompt.utf8)]
    marked = [end for end in prompt.splits if end <= prompt.shared_bytes][-MARKS:]
    return [(prompt.utf8[start:end], end in marked) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def json_string(utf8: bytes) -> bytes:
    """A text as a JSON string, from bytes to bytes: the text is never held as anything else."""
    escaped = utf8.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if _CONTROL.search(escaped):
        escaped = _CONTROL.sub(lambda m: b"\\u%04x" % ord(m[0]), escaped)
    return b'"' + escaped + b'"'


def merged(table: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the extra fields; tables inside are merged, everything else is replaced."""
    both = dict(table)
    for key, value in extra.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both
