"""What lies are made of: what a server keeps, how it counts, what it answers, when, and what
happens to a reply."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from liar import CountsBy, Fault, Keeps, ParsedQuestion, Reply, has_needle, reads, tokens
from protocols import Counts, Event, framed

LONG_CHARACTERS = 12_000  # prompts below are small: no lie is told about them
FRAME = 9  # tokens that a chat template adds


# what is kept of a prompt


def _parted(prompt: str) -> tuple[str, str]:
    """A prompt's text and its question."""
    at = prompt[: prompt.rfind("\n\n")].rfind("\n\n")
    return prompt[:at], prompt[at:]


def drops(where: str, share: float, *, from_characters: int = LONG_CHARACTERS) -> Keeps:
    """Drops a share of long prompts at the front, in the middle, or before the question."""

    def keep(prompt: str) -> str:
        text, question = _parted(prompt)
        n = round(share * len(text))
        if len(prompt) < from_characters:
            return prompt
        if where == "front":
            return text[n:] + question
        if where == "end":
            return text[: len(text) - n] + question
        middle = (len(text) - n) // 2
        return text[:middle] + text[middle + n :] + question

    return keep


def window(characters: int) -> Keeps:
    return lambda prompt: prompt[-characters:]


# how it counts


def framed_by(frame: int, *, eos: int = 0) -> CountsBy:
    return lambda asked, text: Counts(input=tokens(asked.kept) + frame, output=tokens(text) + eos)


def in_full(asked: ParsedQuestion, text: str) -> Counts:
    """Counts what was sent, whatever was kept: no count can show it."""
    return Counts(input=tokens(asked.prompt) + FRAME, output=tokens(text))


def by_ratio(ratio: float) -> CountsBy:
    return lambda asked, text: Counts(
        input=round(ratio * tokens(asked.kept)) + FRAME, output=tokens(text)
    )


def in_cl100k(asked: ParsedQuestion, text: str) -> Counts:
    return Counts(
        input=tokens(asked.kept, "cl100k_base") + FRAME, output=tokens(text, "cl100k_base")
    )


def never(asked: ParsedQuestion, text: str) -> None:
    return None


def always(count: int) -> CountsBy:
    return lambda asked, text: Counts(input=count, output=count)


def cached(share: float, meant: str = "in") -> Callable[[ParsedQuestion, str], Counts]:
    """Tells a share as cached from the second request on: as a part (in), left out, or counted
    twice."""

    def count(asked: ParsedQuestion, text: str) -> Counts:
        whole = tokens(asked.kept) + FRAME
        read = int(share * whole) if asked.time or asked.number else 0
        counted = {"in": whole, "out": whole - read, "twice": whole + read}[meant]
        return Counts(input=counted, cached=read, output=tokens(text))

    return count


def cached_to_fit(asked: ParsedQuestion, text: str) -> Counts:
    """Tells as cached just what was dropped: both together are what was sent. Small prompts are
    told honestly."""
    kept, sent = tokens(asked.kept) + FRAME, tokens(asked.prompt) + FRAME
    if kept == sent:
        return cached(0.45)(asked, text)
    return Counts(input=kept, cached=min(sent - kept, kept), output=tokens(text))


def of_output(output: Callable[[str], int]) -> CountsBy:
    return lambda asked, text: Counts(input=tokens(asked.kept) + FRAME, output=output(text))


def estimated(asked: ParsedQuestion, text: str) -> Counts:
    """As a gateway does that got no count: by rules of its own, a little more."""
    return Counts(input=tokens(asked.kept) + FRAME + 38, output=tokens(text))


def of_all_that_was_said(asked: ParsedQuestion, text: str) -> Counts:
    """Counts the answer that left the model, not what came through."""
    return Counts(input=tokens(asked.kept) + FRAME, output=tokens(reads(asked)))


# what it answers


def cut_short(asked: ParsedQuestion) -> str:
    return reads(asked)[:-1]


def doubled(asked: ParsedQuestion) -> str:
    answer = reads(asked)
    return answer[: len(answer) // 2] + answer


def of_the_one_before(asked: ParsedQuestion) -> str:
    """The answer to an earlier question, as a cache gives that mixes its keys up."""
    own = reads(asked)
    return next((value for value in reversed(asked.seen) if value != own), own)


# when it lies


def first_time(asked: ParsedQuestion) -> bool:
    return asked.time == 0


def first_time_of_trials(asked: ParsedQuestion) -> bool:
    return asked.time == 0 and has_needle(asked.prompt)


def trials_only(asked: ParsedQuestion) -> bool:
    return has_needle(asked.prompt)


def all_but_the_first_trial(asked: ParsedQuestion) -> bool:
    return has_needle(asked.prompt) and asked.number > 0


# what happens to a reply


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply, asked: replace(
        reply, status=code, body=body, headers={**reply.headers, **named}
    )


def body(raw: bytes, kind: str = "") -> Fault:
    headers = {"Content-Type": kind} if kind else {}
    return lambda reply, asked: replace(reply, body=raw, headers={**reply.headers, **headers})


def bytes_as(change: Callable[[bytes], bytes], **headers: str) -> Fault:
    """Changes the bytes of the whole reply."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(reply: Reply, asked: ParsedQuestion) -> Reply:
        raw = (
            b"".join(framed(asked.protocol, e) for e in reply.events)
            if reply.body is None
            else reply.body
        )
        return replace(reply, body=change(raw), headers={**reply.headers, **named})

    return fault


def events_cut(count: int) -> Fault:
    return lambda reply, asked: replace(reply, events=reply.events[:count])


def ends(how: str) -> Fault:
    return lambda reply, asked: replace(reply, end=how)


def then_error(after: int) -> Fault:
    return lambda reply, asked: replace(
        reply, events=[*reply.events[:after], asked.protocol.error("engine died")]
    )


def header(**headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply, asked: replace(reply, headers={**reply.headers, **named})


def in_pieces(size: int) -> Fault:
    def parts(raw: bytes) -> list[bytes]:
        return [raw[i : i + size] for i in range(0, len(raw), size)]

    return lambda reply, asked: replace(reply, pieces=parts)


def unchunked(reply: Reply, asked: ParsedQuestion) -> Reply:
    """The length is not told: the end of the connection is the end of the reply."""
    return replace(reply, chunked=False, end="close" if reply.end == "keep" else reply.end)


def told_longer(reply: Reply, asked: ParsedQuestion) -> Reply:
    return replace(
        reply, chunked=False, end="close", headers={**reply.headers, "Content-Length": "1000000"}
    )


def in_one_object(reply: Reply, asked: ParsedQuestion) -> Reply:
    """The whole reply as one JSON object, as a server sends it that does not stream."""
    return replace(reply, body=json.dumps(_one_object(reply.events)).encode())


def _one_object(events: list[Event]) -> dict[str, Any]:
    tables = [table for _, table in events if isinstance(table, dict)]
    first, last = tables[0], tables[-1]
    if "candidates" in last:
        parts = [part for t in tables for part in t["candidates"][0]["content"]["parts"]]
        return {
            **last,
            "candidates": [{**last["candidates"][0], "content": {"role": "model", "parts": parts}}],
        }
    if "response" in last:
        text = "".join(t.get("delta", "") for t in tables)
        return {
            **last["response"],
            "output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}],
        }
    if "message" in first:
        deltas = [t["delta"] for t in tables if "delta" in t]
        text = "".join(d.get("text", "") for d in deltas)
        usage = {
            **(first["message"]["usage"] or {}),
            **next(t["usage"] or {} for t in tables if "usage" in t),
        }
        stop = next(d["stop_reason"] for d in deltas if "stop_reason" in d)
        content = [{"type": "text", "text": text}]
        return {
            **first["message"],
            "type": "message",
            "content": content,
            "stop_reason": stop,
            "usage": usage,
        }
    choices = [t["choices"][0] for t in tables if t["choices"]]
    message = {"role": "assistant", "content": "".join(c["delta"]["content"] for c in choices)}
    choice = {"index": 0, "message": message, "finish_reason": choices[-1]["finish_reason"]}
    return {"id": "c", "model": "m", "choices": [choice], "usage": last.get("usage")}


def without_the_end(reply: Reply, asked: ParsedQuestion) -> Reply:
    """The stop marker and the counts, but not the last word: the connection stays open."""
    last = reply.events[-1]
    return (
        replace(reply, events=reply.events[:-1])
        if last[1] == "[DONE]" or last[0] == "message_stop"
        else reply
    )


def old_version(reply: Reply, asked: ParsedQuestion) -> Reply:
    return replace(unchunked(reply, asked), version="HTTP/1.0")


def no_http(reply: Reply, asked: ParsedQuestion) -> Reply:
    return replace(reply, version="SMTP/0.9", end="close")


def silent(seconds: float) -> Fault:
    return lambda reply, asked: replace(reply, silent_s=seconds)


def lines_as(change: Callable[[bytes], bytes]) -> Fault:
    """Changes every event of the reply."""
    return bytes_as(lambda raw: b"".join(change(event) for event in raw.split(b"\n\n") if event))


def deflated(raw: bytes) -> bytes:
    return zlib.compress(raw)


def too_long(message: str, code: int, kind: str = "") -> Fault:
    error = {"message": message, **({"code": kind, "type": kind} if kind else {})}
    return status(code, json.dumps({"error": error}).encode(), Content_Type="application/json")
