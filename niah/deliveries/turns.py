"""The haystack as turns of two speakers (``chat``), or as what a tool returned (``tools``).

The text of all turns, joined by newlines, is the prompt, byte for byte: its tokens are exact as
ever. What a server's template adds for each turn is not text; it is learnt from two small requests
and stated beside it. A line of the planting that has a speaker of its own is a turn of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from niah.deliveries import Body, body_of, needle_line
from niah.generator.tokenizers import Tokenizer
from niah.messages import Delivered, Message, TextPart, Tool, ToolCall
from niah.records import Prompt

SPEAKERS: tuple[Literal["user"], Literal["assistant"]] = ("user", "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Turns of about so many tokens, the first one the user's."""

    tokenizer: Tokenizer
    turn_tokens: int
    role: str | None = None  # whose turn holds the needle; None: anybody's

    def present(self, prompt: Prompt) -> Prompt:
        body = body_of(prompt)
        if body is None:
            return prompt
        ends = _spoken(prompt, body) or _ends(body, self.tokenizer, self.turn_tokens)
        needle = needle_line(prompt, body)
        if self.role is not None and needle is not None:
            ends = _with_speaker(ends, needle, SPEAKERS.index(self.role))
        texts = [list(body.lines[a:b]) for a, b in pairwise(ends)]
        texts[0].insert(0, body.opening.removesuffix("\n"))
        if len(texts) % 2 == 0:  # the last turn is the user's
            texts.append([])
        texts[-1].append(body.closing.removeprefix("\n"))
        messages = [
            Message(role=SPEAKERS[n % 2], parts=_parts(*lines)) for n, lines in enumerate(texts)
        ]
        return _told(prompt, messages, (), ends, needle, lambda turn: SPEAKERS[turn % 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """An agent's history: the task, then calls of one tool with about so many tokens as results."""

    tokenizer: Tokenizer
    turn_tokens: int
    kind: str = "log"

    def present(self, prompt: Prompt) -> Prompt:
        body = body_of(prompt)
        if body is None:
            return prompt
        tool = TOOLS[self.kind]
        ends = _ends(body, self.tokenizer, self.turn_tokens)
        messages = [Message(role="user", parts=_parts(body.opening.removesuffix("\n")))]
        for number, (a, b) in enumerate(pairwise(ends), 1):
            arguments = _arguments(self.kind, a, b, number)
            call = ToolCall(id=f"call_{number:06}", name=tool.name, arguments=arguments)
            messages.append(Message(role="assistant", call=call))
            messages.append(Message(role="tool", parts=_parts(*body.lines[a:b]), call=call))
        messages.append(Message(role="user", parts=_parts(body.closing.removeprefix("\n"))))
        return _told(prompt, messages, (tool,), ends, needle_line(prompt, body), lambda _: "tool")


def _tool(name: str, description: str, **kinds: str) -> Tool:
    fields = {key: {"type": kind} for key, kind in kinds.items()}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return Tool(name=name, description=description, parameters=schema)


TOOLS = {
    "log": _tool("read_log", "Rows of the log.", first="integer", last="integer"),
    "files": _tool("read_file", "The text of a file.", path="string"),
    "search": _tool("search", "A page of search results.", query="string", page="integer"),
}


def _arguments(kind: str, first: int, stop: int, number: int) -> dict[str, object]:
    """Arguments that say nothing about what the result holds."""
    if kind == "log":
        return {"first": first + 1, "last": stop}
    if kind == "files":
        return {"path": f"transcript/part-{number:04}.txt"}
    return {"query": "transcript", "page": number}


def _ends(body: Body, tokenizer: Tokenizer, turn_tokens: int) -> list[int]:
    """Lines before each turn, and all; every turn but the last has at least so many tokens."""
    counts = [tokenizer.count(line + "\n") for line in body.lines]
    ends, held = [0], 0
    for number, count in enumerate(counts, 1):
        held += count
        if held >= turn_tokens:
            ends.append(number)
            held = 0
    return ends if ends[-1] == len(counts) else [*ends, len(counts)]


def _spoken(prompt: Prompt, body: Body) -> list[int]:
    """The ends of turns where lines have speakers: an assistant's between two of a user's."""
    said = {mark.text for mark in prompt.planting.marks if mark.speaker == "assistant"}
    whose = [line in said for line in body.lines]
    if not any(whose):
        return []  # a small request holds none of them
    ends = [number for number, (a, b) in enumerate(pairwise(whose), 1) if a != b]
    # where an assistant begins, the opening is a turn alone
    return [*[0] * (1 + whose[0]), *ends, len(whose)]


def _with_speaker(ends: Sequence[int], needle: int, role: int) -> list[int]:
    """The ends moved a little, so that the needle's turn is of the speaker with that number."""
    turn = max(i for i, end in enumerate(ends[:-1]) if end <= needle)
    start = ends[turn]
    if turn % 2 == role:
        return list(ends)
    if needle > start:
        return sorted({*ends, needle})
    if turn == 0:
        return [0, *ends]  # the first turn is the opening alone
    if start - ends[turn - 1] > 1:
        return sorted({*ends, start - 1})
    return [end for end in ends if end != start]


def _parts(*lines: str) -> tuple[TextPart, ...]:
    return (TextPart(utf8="\n".join(lines).encode()),)


def _told(
    prompt: Prompt,
    messages: Sequence[Message],
    tools: tuple[Tool, ...],
    ends: Sequence[int],
    needle: int | None,
    speaker: Callable[[int], str],
) -> Prompt:
    """The prompt with its messages, and with what is known of its turns."""
    told = replace(prompt.delivered or Delivered(tokens=prompt.tokens), turns=len(ends) - 1)
    if needle is not None:
        turn = sum(end <= needle for end in ends[1:-1])
        told = replace(told, needle_turn=turn + 1, needle_role=speaker(turn))
    return replace(prompt, messages=tuple(messages), tools=tools, splits=(), delivered=told)
