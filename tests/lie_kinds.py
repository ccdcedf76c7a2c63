"""The kinds of lies that a server is made to tell, and how its trials must end. By construction,
not by looking."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from liar import Answers, CountsBy, Fault, Lie, ParsedQuestion, When, exactly, reads, tokens
from lies import (
    FRAME,
    LONG_CHARACTERS,
    all_but_the_first_trial,
    always,
    body,
    by_ratio,
    bytes_as,
    cached,
    cached_to_fit,
    cut_short,
    deflated,
    doubled,
    drops,
    ends,
    estimated,
    events_cut,
    first_time,
    first_time_of_trials,
    framed_by,
    header,
    in_cl100k,
    in_full,
    in_one_object,
    in_pieces,
    lines_as,
    never,
    no_http,
    of_all_that_was_said,
    of_output,
    of_the_one_before,
    old_version,
    silent,
    status,
    then_error,
    told_longer,
    too_long,
    trials_only,
    unchunked,
    window,
    without_the_end,
)
from protocols import Counts

SHORT, LONG = 600, 6_000  # context lengths: the long prompts are those that are cut

Ends = Mapping[
    int, str
]  # outcome, or outcomes (a|b), by context length; what is not named is scored, and right


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A lie, and what must come of it."""

    lie: Lie
    ends: Ends | None = None  # None: every trial is scored
    once: bool = True  # no trial is asked again
    lengths: tuple[int, ...] = (SHORT,)
    concurrency: int = 4
    canary: bool = False
    stops: str | None = None  # in the error that ends the run before its first trial
    warns: str | None = None  # in what the run says
    attempts: int = 8
    timeout_s: float = 5.0
    max_tokens: int | None = None
    without: tuple[str, ...] = ()  # protocols in which there is no such lie

    @property
    def name(self) -> str:
        return self.lie.name


_ERROR = json.dumps({"error": {"message": "try again"}}).encode()
_HTML = b"<html><body>Bad gateway</body></html>"
_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529, 530)
_WAITS = {
    "0": {"Retry_After": "0"}, "0.0": {"Retry_After": "0.0"}, "ms": {"retry_after_ms": "1"},
    "ms, words": {"retry_after_ms": "soon"},
    "a date that is over": {"Retry_After": "Thu, 01 Jan 2026 00:00:00 GMT"},
    "words": {"Retry_After": "soon"}, "negative": {"Retry_After": "-5"},
    "nan": {"Retry_After": "nan"},
    "empty": {"Retry_After": ""}, "inf": {"Retry_After": "inf"},
    "ms, negative": {"retry_after_ms": "-5"},
}  # fmt: skip
_NOT_ANSWERS = {
    "a web page": (_HTML, "text/html"), "a web page as events": (_HTML, ""),
    "a web page as JSON": (_HTML, "application/json"), "nothing": (b"", ""),
    "nothing as JSON": (b"", "application/json"), "null": (b"null", "application/json"),
    "a list": (b"[1, 2]", "application/json"), "a number": (b"7421830", "application/json"),
    "a text": (b'"7421830"', "application/json"), "an empty object": (b"{}", "application/json"),
    "an error object": (_ERROR, "application/json"),
    "an error text": (b'{"error": "no"}', "application/json"),
    "half an object": (b'{"choices": [{"mess', "application/json"),
    "words": (b"upstream gone", "text/plain"),
    "the end alone": (b"data: [DONE]\n\n", ""), "comments alone": (b": ping\n\n: ping\n\n", ""),
    "brackets": (b"data: " + b"[" * 5_000 + b"\n\n", ""),
    "an event of a number": (b"data: 7\n\n", ""), "an event of null": (b"data: null\n\n", ""),
    "bytes": (bytes(range(256)) * 8, ""),
}  # fmt: skip


def passing(name: str, *faults: Fault, when: When = first_time, **others: object) -> Kind:
    """Happens to the first asking of every prompt; the next one is answered."""
    lie = Lie(name=f"once: {name}", faults=faults, when=when)
    return Kind(lie=lie, once=False, **others)  # type: ignore[arg-type]


def passing_kinds() -> Iterator[Kind]:
    bodies = {"an error": _ERROR, "a web page": _HTML, "nothing": b""}
    for code, (said, raw) in itertools.product(_AGAIN, bodies.items()):
        yield passing(f"{code} with {said}", status(code, raw))
    for said, headers in _WAITS.items():
        yield passing(f"429 that asks to wait: {said}", status(429, b"", **headers))
    yield passing("503 that asks to wait", status(503, b"", Retry_After="0"))
    for how, count in itertools.product(("keep", "cut", "reset", "close"), (0, 1)):
        yield passing(f"ends after {count} events, {how}", events_cut(count), ends(how))
    for how, share in itertools.product(("keep", "cut", "reset"), (0.1, 0.25, 0.4)):
        yield passing(f"ends after {share:.0%} of its bytes, {how}", _bytes_cut(share), ends(how))
    for said, (raw, kind) in _NOT_ANSWERS.items():
        yield passing(f"200 with {said}", body(raw, kind))
    for after in (0, 1):
        yield passing(f"an error event after {after}", then_error(after))
        yield passing(f"an error event after {after}, then reset", then_error(after), ends("reset"))
    yield passing("no reply", ends("silent"))
    yield passing("no HTTP", no_http)
    yield passing("shorter than told", told_longer)
    yield passing("a reset at once", events_cut(0), ends("reset"))
    yield passing("gzip that is none", header(Content_Encoding="gzip"))
    yield passing("an error with gzip that is none", status(500, b"oops", Content_Encoding="gzip"))
    yield passing(
        "gzip cut in the middle",
        bytes_as(lambda raw: gzip.compress(raw)[:30], Content_Encoding="gzip"),
    )
    yield passing("an error without its length", status(500, _ERROR), unchunked)


def _bytes_cut(share: float) -> Fault:
    return bytes_as(lambda raw: raw[: int(share * len(raw))])


def doubtful_kinds() -> Iterator[Kind]:
    """Answers that look whole and are not: asked again, and right then."""

    def once(name: str, **lie: object) -> Kind:
        told = Lie(name=f"once: {name}", **{"when": first_time_of_trials, **lie})  # type: ignore[arg-type]
        return Kind(lie=told, once=False)

    yield once("cut upstream, counted by the gateway", answers=cut_short, counts=estimated)
    yield once("cut upstream, not counted", answers=cut_short, counts=never)
    yield once("cut upstream, counted whole", answers=cut_short, counts=of_all_that_was_said)
    yield once("a chunk doubled", answers=doubled, counts=of_all_that_was_said)
    yield once("a web page as an empty answer", answers=lambda asked: "", counts=never)
    yield once(
        "an empty answer, counted by the gateway", answers=lambda asked: "", counts=estimated
    )
    yield once("a count by the gateway", counts=estimated)
    yield once("not counted", counts=never)
    yield once("the answer of another trial", answers=of_the_one_before, when=_second_trial_on)
    yield once("the answer of another trial, not counted", answers=of_the_one_before, counts=never)
    yield once("the wrong answer, not counted", answers=lambda asked: "1111111", counts=never)
    for share in (0.5, 0.2, 0.05):
        short = _counted_as(share)
        yield once(f"{share:.0%} counted too much", answers=cut_short, counts=short)


def _second_trial_on(asked: ParsedQuestion) -> bool:
    return first_time_of_trials(asked) and bool(asked.seen)


def _counted_as(more: float) -> CountsBy:
    return lambda asked, text: Counts(
        input=round((1 + more) * tokens(asked.kept)) + FRAME, output=tokens(text)
    )


_BUSY = {
    "llama.cpp": too_long("Context size has been exceeded.", 500, "server_error"),
    "a window of 700": too_long(
        "This model's maximum context length is 700 tokens.", 400, "context_length_exceeded"
    ),
    "request too large": too_long("prompt is too long: 700 tokens > 512 maximum", 400),
    "413": status(413, _HTML),
    "a window, in words": too_long(
        "the request exceeds the available context size, try increasing it", 400
    ),
}


def overflow_kinds() -> Iterator[Kind]:
    for said, fault in _BUSY.items():
        lie = Lie(
            name=f"too much at once: {said}",
            faults=(fault,),
            when=lambda a: a.crowd > 1 and trials_only(a),
        )
        yield Kind(lie=lie, once=False, lengths=(SHORT, 2 * SHORT))
        lie = Lie(name=f"too long once: {said}", faults=(fault,), when=first_time_of_trials)
        yield Kind(lie=lie, once=False)
        lie = Lie(name=f"too long twice more: {said}", faults=(fault,), when=_full_behind_the_first)
        yield Kind(lie=lie, once=False)
        lie = Lie(name=f"too long: {said}", faults=(fault,), when=_is_long)
        yield Kind(lie=lie, once=False, lengths=(SHORT, LONG), ends={LONG: "overflow"})
    yield passing("the small request is too long at once", _BUSY["llama.cpp"])


def _full_behind_the_first(asked: ParsedQuestion) -> bool:
    """A cache that takes one prompt, and for every other one has to make room first."""
    return trials_only(asked) and asked.number > 0 and asked.time < 3


def _is_long(asked: ParsedQuestion) -> bool:
    return len(asked.prompt) > LONG_CHARACTERS


def clothed_kinds() -> Iterator[Kind]:
    """Whole answers in odd clothes: right, and asked once."""

    def clothes(
        name: str,
        *faults: Fault,
        answers: Answers = reads,
        counts: CountsBy = exactly,
        **kind: object,
    ) -> Kind:
        lie = Lie(name=f"clothes: {name}", faults=faults, answers=answers, counts=counts)
        return Kind(lie=lie, **kind)  # type: ignore[arg-type]

    yield clothes("none")
    for size in (1, 2, 3, 7, 64):
        yield clothes(f"pieces of {size} bytes", in_pieces(size))
    yield clothes("CRLF", bytes_as(lambda raw: raw.replace(b"\n", b"\r\n")))
    yield clothes("CR", bytes_as(lambda raw: raw.replace(b"\n", b"\r")))
    yield clothes("no space", bytes_as(lambda raw: raw.replace(b"data: ", b"data:")))
    yield clothes("comments", lines_as(lambda event: b": keep-alive\n\n" + event + b"\n\n"))
    yield clothes("blank lines", lines_as(lambda event: b"\n\n\n" + event + b"\n\n\n"))
    yield clothes("ids", lines_as(lambda event: b"id: 7\nretry: 10\n" + event + b"\n\n"))
    yield clothes("fields behind", lines_as(lambda event: event + b"\nid: 8\n\n"))
    yield clothes("a comment in an event", lines_as(lambda event: event + b"\n: x\n\n"))
    yield clothes("a BOM", bytes_as(lambda raw: b"\xef\xbb\xbf" + raw))
    yield clothes("charset", header(Content_Type="text/event-stream; charset=utf-8"))
    yield clothes("capitals", header(Content_Type="Text/Event-Stream"))
    yield clothes("events as text", header(Content_Type="text/plain"))
    yield clothes("events untyped", header(Content_Type=""))
    yield clothes("events as bytes", header(Content_Type="application/octet-stream"))
    yield clothes("events as JSON", header(Content_Type="application/json"))
    yield clothes("gzip", bytes_as(gzip.compress, Content_Encoding="gzip"))
    yield clothes("deflate", bytes_as(deflated, Content_Encoding="deflate"))
    yield clothes("gzip in pieces", bytes_as(gzip.compress, Content_Encoding="gzip"), in_pieces(5))
    yield clothes("no length", unchunked)
    yield clothes("HTTP/1.0", old_version)
    yield clothes("closed behind", ends("close"))
    yield clothes("cut behind the end", ends("cut"), without=("gemini",))
    yield clothes("reset behind the end", ends("reset"), without=("gemini",))
    yield clothes("slow", silent(0.05))
    yield clothes("many headers", header(**{f"x_{n}": "v" * 50 for n in range(60)}))
    yield clothes("pings behind the end", bytes_as(lambda raw: raw + b": ping\n\n" * 5))
    yield clothes("the end twice", bytes_as(lambda raw: raw + b"data: [DONE]\n\n"))
    yield clothes(
        "an unknown event", _first(b'event: news\ndata: {"type": "news", "object": "news"}\n\n')
    )
    yield clothes("one object", in_one_object, header(Content_Type="application/json"))
    for said, kind in {"text": "text/plain", "nothing": "", "events": "text/event-stream",
                       "a problem": "application/problem+json"}.items():  # fmt: skip
        yield clothes(f"one object as {said}", in_one_object, header(Content_Type=kind))
    yield clothes("one object behind a BOM", in_one_object,
                  bytes_as(lambda raw: b"\xef\xbb\xbf" + raw),
                  header(Content_Type="application/json"))  # fmt: skip
    yield clothes(
        "pings without an end",
        without_the_end,
        ends("pings"),
        timeout_s=0.5,
    )
    yield clothes(
        "silence without an end", without_the_end, ends("hold"), timeout_s=1.5, without=("gemini",)
    )
    for name, write in _SPELT.items():
        yield clothes(f"answer: {name}", answers=_spelt(write))


def _first(event: bytes) -> Fault:
    return bytes_as(lambda raw: event + raw)


_SPELT: Mapping[str, Callable[[str], str]] = {
    "spaces around": lambda v: f"\n {v} \n",
    "a sentence": lambda v: f"The magic number is {v}.",
    "Markdown": lambda v: f"**{v}**",
    "commas": lambda v: f"{int(v):,}" if v.isdigit() else v,
    "full width": lambda v: v.translate({ord(str(d)): 0xFF10 + d for d in range(10)}),
    "reasoning in the text": lambda v: f"<think>Let me see: 12 or 13?</think>{v}",
    "JSON": lambda v: json.dumps({"answer": v}),
    "LaTeX": lambda v: f"$\\boxed{{{v}}}$",
    "an emoji": lambda v: f"{v} 😀",
    "Chinese": lambda v: f"答案是{v}。",
}


def _spelt(write: Callable[[str], str]) -> Answers:
    return lambda asked: write(reads(asked))


HONEST: Mapping[str, CountsBy] = {
    "exactly": exactly, "exactly, no frame": framed_by(0),
    "exactly, a frame of 500": framed_by(500),
    "exactly, and the end": framed_by(FRAME, eos=1), "1.3 for one": by_ratio(1.3),
    "0.8 for one": by_ratio(0.8),
    "1.01 for one": by_ratio(1.01), "as cl100k": in_cl100k, "not": never, "nought": always(0),
    "always 17": always(17),
    "cached, 2 %": cached(0.02), "cached, a quarter": cached(0.25),
    "cached, nearly half": cached(0.45),
    "cached, left out": cached(0.45, "out"), "cached, a quarter left out": cached(0.25, "out"),
    "cached, twice": cached(0.45, "twice"), "output always 7": of_output(lambda text: 7),
    "output always 1": of_output(lambda text: 1), "output in letters": of_output(len),
    "output with reasoning": of_output(lambda text: tokens(text) + 40 + len(text) % 3),
}  # fmt: skip


def honest_kinds() -> Iterator[Kind]:
    """Servers that keep the whole prompt and count it in their own way: no false alarm, and nothing
    asked twice."""
    for name, counts in HONEST.items():
        lie = Lie(name=f"honest: counts {name}", counts=counts)
        yield Kind(lie=lie, lengths=(SHORT, 2 * SHORT, LONG))


EXACT = ("exactly", "exactly, no frame", "cached, nearly half")
LOOSE = ("1.3 for one", "as cl100k", "cached, left out")


def cut_kinds() -> Iterator[Kind]:
    """Servers that drop a part of long prompts and count what is left: never red, never green."""
    ends = {LONG: "mismatch"}
    shares = {
        **dict.fromkeys(EXACT, (0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5)),
        **dict.fromkeys(LOOSE, (0.1, 0.25, 0.5)),
    }
    for counts, where in itertools.product((*EXACT, *LOOSE), ("front", "middle", "end")):
        for share in shares[counts]:
            name = f"drops {share:.0%} at the {where}, counts {counts}"
            lie = Lie(name=name, keeps=drops(where, share), counts=HONEST[counts])
            yield Kind(
                lie=lie,
                lengths=(SHORT, LONG),
                ends=ends,
                once=False,
                warns="DROPPED A PART OF 3 OF 6",
            )
    for where, share in itertools.product(("front", "middle", "end"), (0.1, 0.3, 0.45, 0.5)):
        lie = Lie(name=f"drops {share:.0%} at the {where}, and tells it as cached",
                  keeps=drops(where, share),
                  counts=cached_to_fit)  # fmt: skip
        yield Kind(
            lie=lie, lengths=(SHORT, LONG), ends=ends, once=False, warns="DROPPED A PART OF 3 OF 6"
        )
    for size in (6_000, 12_000, 20_000):
        lie = Lie(name=f"a window of {size} characters", keeps=window(size))
        yield Kind(
            lie=lie, lengths=(SHORT, LONG), ends=ends, once=False, warns="DROPPED A PART OF 3 OF 6"
        )


UNTOLD: Mapping[str, CountsBy] = {
    "in full": in_full,
    "not": never,
    "nought": always(0),
    "always 17": always(17),
}


def canary_kinds() -> Iterator[Kind]:
    """Servers whose counts tell nothing: only the canary check sees that they cut."""
    cuts = {"front": drops("front", 0.03), "front, a half": drops("front", 0.5),
            "middle": drops("middle", 0.05),
            "middle, a half": drops("middle", 0.5), "window": window(9_000)}  # fmt: skip
    for (counts, by), (where, keeps) in itertools.product(UNTOLD.items(), cuts.items()):
        lie = Lie(name=f"canary: drops at the {where}, counts {counts}", keeps=keeps, counts=by)
        yield Kind(lie=lie, lengths=(SHORT, LONG), canary=True, stops="was not seen")
    for counts, by in UNTOLD.items():
        lie = Lie(name=f"canary: honest, counts {counts}", counts=by)
        yield Kind(
            lie=lie, lengths=(SHORT, LONG), canary=True, warns="canary: the front of 6k was seen"
        )


def lasting_kinds() -> Iterator[Kind]:
    """What does not pass: never scored, the right outcome, and an end of the asking."""

    def lasting(
        name: str, outcome: str, *faults: Fault, when: When = trials_only, **lie: object
    ) -> Kind:
        told = Lie(name=f"lasting: {name}", faults=faults, when=when, **lie)  # type: ignore[arg-type]
        warns = {"mismatch": "have no score"}.get(outcome)
        return Kind(lie=told, ends={SHORT: outcome}, once=False, attempts=2, warns=warns)

    for code in (408, 500, 502):
        yield lasting(f"{code}", "error", status(code, _ERROR, Retry_After="0"))
    for code in (400, 401, 403, 404, 422, 302):
        yield lasting(f"{code}", "error", status(code, _ERROR, Location="http://127.0.0.1:9/"))
    for said in ("a web page", "nothing", "null", "comments alone", "half an object"):
        yield lasting(said, "error", body(*_NOT_ANSWERS[said]))
    yield lasting("ends in the middle", "error", _bytes_cut(0.4))
    yield lasting("resets", "error", events_cut(1), ends("reset"))
    # elsewhere that event says overloaded, and a patient sweep waits
    yield replace(lasting("error events", "error", then_error(1)), without=("anthropic", "gemini"))
    yield lasting(
        "filtered", "refused", too_long("content policy", 400, "content_policy_violation")
    )
    yield lasting("too long", "overflow", _BUSY["llama.cpp"])
    yield lasting("stopped by length", "truncated", stop="length")
    yield lasting("stopped by a filter", "refused", stop="filter")
    yield lasting("empty", "empty", answers=lambda asked: "")
    yield lasting("blank", "empty", answers=lambda asked: " \n")
    yield lasting("empty and not counted", "empty", answers=lambda asked: "", counts=never)
    yield lasting(
        "cut upstream, counted by the gateway", "mismatch", answers=cut_short, counts=estimated
    )
    yield lasting("counted by half more", "mismatch", counts=_counted_as(0.5))
    yield lasting(
        "the answer before", "scored|mismatch", answers=of_the_one_before, when=_second_trial_on
    )
    told = Lie(
        name="lasting: stale", when=all_but_the_first_trial, answers=lambda asked: asked.seen[0]
    )
    yield Kind(
        lie=told, ends={SHORT: "scored|mismatch"}, once=False, warns="THE ANSWER OF ANOTHER TRIAL"
    )
    told = Lie(
        name="lasting: not counted, but the first",
        when=all_but_the_first_trial,
        counts=never,
        answers=cut_short,
    )
    yield Kind(lie=told, ends={SHORT: "scored|mismatch"}, once=False, warns="have no score")


def kinds() -> tuple[Kind, ...]:
    groups = (passing_kinds, doubtful_kinds, overflow_kinds, clothed_kinds, honest_kinds, cut_kinds,
              canary_kinds,
              lasting_kinds)  # fmt: skip
    return tuple(kind for group in groups for kind in group())
