"""Messages as the APIs take them: turns, tool calls with their results, pictures and sound. No I/O.

What all shapes share, and that of Chat Completions; the others stand with their protocols. A shape
is a list for the table of a request, with PLACE where a text or encoded bytes belong, and what
belongs there, in order: ``body_with`` puts both together, the prompt as it is and held once. Roles
alternate as every API wants them: niah's messages begin with a user's, behind a system's at most,
and end with one, and every call of a tool is followed by its result.
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
        self.texts.append(
            part.utf8 if isinstance(part, TextPart) else prefix + base64.b64encode(part.load())
        )
        return PLACE

    def address(self, part: MediaPart) -> str:
        """Where a part will stand as a data URL."""
        return self.place(part, f"data:{part.mime};base64,".encode())


def messages_of(prompt: Prompt) -> tuple[Message, ...]:
    """The prompt's messages; without any of its own the whole text as one of the user's, parted
    where it has splits."""
    parts = (TextPart(utf8=text, marked=marked) for text, marked in blocks_of(prompt))
    return prompt.messages or (Message(role="user", parts=tuple(parts)),)


def chat_messages(prompt: Prompt, mark: Mapping[str, Any]) -> Shaped:
    """Chat Completions: roles user, assistant with ``tool_calls``, tool. A single text is a plain
    string."""
    shaped = Shaped()
    for message in messages_of(prompt):
        table: Table = {"role": message.role, "content": ""}
        if message.parts:
            table["content"] = content_of(shaped, message.parts, mark, "text", chat_media)
        if message.call and message.role == "tool":
            table["tool_call_id"] = message.call.id
        elif message.call:
            table["tool_calls"] = [
                {"id": message.call.id, "type": "function", "function": function_of(message.call)}
            ]
        shaped.messages.append(table)
    return shaped


def chat_tools(prompt: Prompt) -> Table:
    return declared(
        [{"type": "function", "function": schema_of(t, "parameters")} for t in prompt.tools]
    )


def content_of(
    shaped: Shaped, parts: Sequence[Part], mark: Mapping[str, Any], kind: str, media: Any
) -> Any:
    """A plain string where there is one text and nothing to mark, else a list of blocks."""
    if len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].marked:
        return shaped.place(parts[0])
    return [block_of(shaped, part, mark, kind, media) for part in parts]


def block_of(shaped: Shaped, part: Part, mark: Mapping[str, Any], kind: str, media: Any) -> Table:
    if isinstance(part, MediaPart):
        return dict(media(shaped, part))
    return {"type": kind, "text": shaped.place(part), **(mark if part.marked else {})}


def chat_media(shaped: Shaped, part: MediaPart) -> Table:
    if part.reference is not None:
        return {"type": "file", "file": {"file_id": part.reference}}
    if part.pixels is not None:
        return {"type": "image_url", "image_url": {"url": shaped.address(part)}}
    sound = {
        "data": shaped.place(part),
        "format": part.mime.removeprefix("audio/").replace("mpeg", "mp3"),
    }
    return {"type": "input_audio", "input_audio": sound}


def join_to(shaped: Shaped, table: Table, key: str, kind: str) -> None:
    """Add a message; one of the same role as the last is joined to it, since roles alternate."""
    if shaped.messages and shaped.messages[-1]["role"] == table["role"]:
        last = shaped.messages[-1]
        last[key] = _as_blocks(last[key], kind) + _as_blocks(table[key], kind)
    else:
        shaped.messages.append(table)


def _as_blocks(content: Any, kind: str) -> list[Table]:
    return [{"type": kind, "text": content}] if isinstance(content, str) else list(content)


def function_of(call: ToolCall) -> Table:
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}


def schema_of(tool: Any, parameters: str) -> Table:
    return {"name": tool.name, "description": tool.description, parameters: dict(tool.parameters)}


def declared(tools: list[Table]) -> Table:
    """The field of a request; none where nothing is declared."""
    return {"tools": tools} if tools else {}


def body_with(table: Mapping[str, Any], *texts: bytes) -> tuple[bytes, ...]:
    """The body of a request as parts: every PLACE in the table, in order, is filled with the next
    text (UTF-8)."""
    written = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    frame = written.split(json.dumps(PLACE, ensure_ascii=False))
    parts = [frame[0].encode()]
    for text, behind in zip(texts, frame[1:], strict=True):
        parts += [json_string(text), behind.encode()]
    return tuple(parts)


def blocks_of(prompt: Prompt) -> list[tuple[bytes, bool]]:
    """The prompt cut at its splits, and whether a cache mark belongs at the end of each block.

    Marked are the last ends before the first needle: with needles rising from trial to trial, an
    earlier trial wrote at one of them, and this one writes the rest.
    """
    ends = [*prompt.splits, len(prompt.utf8)]
    marked = [end for end in prompt.splits if end <= prompt.shared_bytes][-MARKS:]
    return [
        (prompt.utf8[start:end], end in marked)
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


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
        both[key] = (
            merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return both
