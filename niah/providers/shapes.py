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
from itertools import pairwise
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
        if isinstance(part, TextPart):
            self.texts.append(part.utf8)
        else:
            self.texts.append(prefix + base64.b64encode(part.load()))
        return PLACE

    def address(self, part: MediaPart) -> str:
        """Where a part will stand as a data URL."""
        return self.place(part, f"data:{part.mime};base64,".encode())


def messages_of(prompt: Prompt) -> tuple[Message, ...]:
    """The prompt's messages, else the whole text as one of the user's, parted at its splits."""
    parts = (TextPart(utf8=text, marked=marked) for text, marked in blocks_of(prompt))
    return prompt.messages or (Message(role="user", parts=tuple(parts)),)


def chat_messages(prompt: Prompt, mark: Mapping[str, Any]) -> Shaped:
    """Chat Completions: user, assistant with ``tool_calls``, tool; a single text is a string."""
    shaped = Shaped()
    for message in messages_of(prompt):
        call = message.call
        table: Table = {"role": message.role, "content": ""}
        if message.parts:
            table["content"] = content_of(shaped, message.parts, mark, chat_media)
        if call and message.role == "tool":
            table["tool_call_id"] = call.id
        elif call:
            made = {"id": call.id, "type": "function", "function": function_of(call)}
            table["tool_calls"] = [made]
        shaped.messages.append(table)
    return shaped


def chat_tools(prompt: Prompt) -> Table:
    schemas = [schema_of(tool, "parameters") for tool in prompt.tools]
    return declared([{"type": "function", "function": schema} for schema in schemas])


def content_of(shaped: Shaped, parts: Sequence[Part], mark: Mapping[str, Any], media: Any) -> Any:
    """A plain string where there is one text and nothing to mark, else a list of blocks."""
    if len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].marked:
        return shaped.place(parts[0])
    return [block_of(shaped, part, mark, "text", media) for part in parts]


def block_of(shaped: Shaped, part: Part, mark: Mapping[str, Any], kind: str, media: Any) -> Table:
    if isinstance(part, MediaPart):
        return dict(media(shaped, part))
    return {"type": kind, "text": shaped.place(part), **(mark if part.marked else {})}


def chat_media(shaped: Shaped, part: MediaPart) -> Table:
    if part.reference is not None:
        return {"type": "file", "file": {"file_id": part.reference}}
    if part.pixels is not None:
        return {"type": "image_url", "image_url": {"url": shaped.address(part)}}
    form = part.mime.removeprefix("audio/").replace("mpeg", "mp3")
    return {"type": "input_audio", "input_audio": {"data": shaped.place(part), "format": form}}


def join_to(shaped: Shaped, table: Table, key: str) -> None:
    """Add a message; one of the same role as the last is joined to it, since roles alternate."""
    if shaped.messages and shaped.messages[-1]["role"] == table["role"]:
        last = shaped.messages[-1]
        last[key] = _as_blocks(last[key]) + _as_blocks(table[key])
    else:
        shaped.messages.append(table)


def _as_blocks(content: Any) -> list[Table]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def function_of(call: ToolCall) -> Table:
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}


def schema_of(tool: Any, parameters: str) -> Table:
    return {"name": tool.name, "description": tool.description, parameters: dict(tool.parameters)}


def declared(tools: list[Table]) -> Table:
    """The field of a request; none where nothing is declared."""
    return {"tools": tools} if tools else {}


def body_with(table: Mapping[str, Any], *texts: bytes) -> tuple[bytes, ...]:
    """The body of a request as parts: each PLACE in the table is filled with the next text."""
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
    return [(prompt.utf8[start:end], end in marked) for start, end in pairwise([0, *ends])]


def json_string(utf8: bytes) -> bytes:
    """A text as a JSON string, from bytes to bytes: the text is never held as anything else."""
    escaped = utf8.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    if _CONTROL.search(escaped):
        escaped = _CONTROL.sub(lambda m: b"\\u%04x" % ord(m[0]), escaped)
    return b'"' + escaped + b'"'


def merged(table: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the extra fields; tables inside are merged, everything else is replaced."""
    both = {**table, **extra}
    for key in table.keys() & extra.keys():
        if isinstance(table[key], dict) and isinstance(extra[key], dict):
            both[key] = merged(table[key], extra[key])
    return both
