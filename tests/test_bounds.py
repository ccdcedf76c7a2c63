"""Nothing a server sends is endless, and what is whole stays whole: raw bytes over a real socket,
with a time limit."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
import trustme
from conftest import Niah
from hypothesis import given
from hypothesis import strategies as st
from test_client import PROMPT, provider_at

from niah.providers import HttpRequest
from niah.records import Outcome
from niah.runner import exchange, pool, stream_parsing
from niah.runner.client import Client
from niah.runner.concurrency import Overdue, in_time
from niah.runner.exchange import FAULTS, AdaptiveTimeout, Answer, fault_of
from niah.runner.pool import DirectTransport, Pool
from niah.runner.stream_parsing import StreamReader
from niah.runner.throttle import Throttle

Script = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n"
EVENTS = HEAD % b"text/event-stream"
WORD = b'data: {"choices": [{"delta": {"content": "7421830 "}}]}\n\n'
STOP = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}}\n\n'
MOST_S = 20.0  # of a script: it ends by itself


def sends(first: bytes, again: bytes = b"", *, every_s: float = 0.0, times: int = 1) -> Script:
    """Send something, and something else over and over, for a while."""

    def script(connection: socket.socket) -> None:
        end = time.monotonic() + MOST_S
        connection.sendall(first)
        for _ in range(times):
            if time.monotonic() > end:
                return
            connection.sendall(again)
            time.sleep(every_s)

    return script


@contextmanager
def listening(script: Script, trust: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that reads one request per connection and then does as the script
    says."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with suppress(OSError):
            if trust is not None:
                connection = trust.wrap_socket(connection, server_side=True)
            with connection:
                read_request(connection)
                script(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def read_request(connection: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    while len(body) < int(length or 0):
        body += connection.recv(65_536)


def hangs(seconds: float = MOST_S) -> Script:
    def script(connection: socket.socket) -> None:
        connection.settimeout(seconds)
        connection.recv(1)

    return script


def then(*parts: bytes, after: Script | None = None) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        if after is not None:
            after(connection)

    return script


def resets(connection: socket.socket) -> None:
    time.sleep(0.1)  # what was sent is to arrive
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def asked_of(
    script: Script, *, name: str = "openai", silence_s: float = 0.4, attempts: int = 1
) -> Answer:
    """One request to such a server."""

    async def ask(port: int) -> Answer | None:
        provider = provider_at(f"http://127.0.0.1:{port}/v1", name)
        async with Pool(DirectTransport) as pool:
            clock = asyncio.get_running_loop().time
            client = Client(
                pool,
                provider,
                Throttle(cap=4, in_flight_tokens=10**6, clock=clock),
                attempts=attempts,
                clock=clock,
                timeouts=AdaptiveTimeout(silence_s),
                longest_wait_s=600,
                patience_s=0,
            )
            return await client.ask(provider.request(PROMPT))

    with listening(script) as port:
        answer = asyncio.run(asyncio.wait_for(ask(port), MOST_S))
    assert answer is not None
    return answer


def gzip_of(size: int) -> bytes:
    return gzip.compress(b"data: x\n" * (size // 8), 9)


ENDLESS: dict[str, Script] = {
    "silence": hangs(),
    "headers in drops": sends(b"HTTP/1.1 200 OK\r\n", b"x", every_s=0.1, times=200),
    "endless headers": sends(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 500, times=10_000),
    "endless interim replies": sends(
        b"", b"HTTP/1.1 100 Continue\r\n\r\n", every_s=0.001, times=20_000
    ),
    "comments": sends(EVENTS, b": ping\n\n", every_s=0.1, times=200),
    "words in drops": sends(EVENTS, WORD, every_s=0.1, times=200),
    "words at once": sends(EVENTS, WORD * 1_000, times=10_000),
    "a line": sends(EVENTS + b"data: ", b"x" * 100_000, times=10_000),
    "a line in drops": sends(EVENTS + b"data: ", b"x", times=10**7),
    "an event": sends(EVENTS, b"data: x\n" * 10_000, times=10_000),
    "json": sends(HEAD % b"application/json" + b'{"a": "', b"x" * 100_000, times=10_000),
    "an error in drops": sends(b"HTTP/1.1 500 No\r\n\r\n", b"x", every_s=0.1, times=200),
    "an endless error": sends(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 100_000, times=10_000),
    "a bomb": sends(
        EVENTS.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), gzip_of(10**8), times=1
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_server_without_an_end_ends_as_an_error_in_bounded_time(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("niah.runner.exchange.ERROR_S", 0.5)
    began = time.monotonic()
    answer = asked_of(ENDLESS[kind])
    assert (answer.outcome, answer.response) == (Outcome.ERROR, None)
    assert time.monotonic() - began < MOST_S / 2


AFTER: dict[str, Script] = {
    "pings": sends(b"", b": ping\n\n", every_s=0.1, times=200),
    "silence": hangs(),
    "a reset": resets,
    "an end": lambda c: None,
    "nonsense": then(b"data: {nonsense\n\n", after=hangs()),
    "an error": then(b'data: {"error": {"message": "late"}}\n\n', after=hangs()),
    "endless nonsense": sends(b"", b"data: x\n\n" * 1_000, times=10_000),
    "words": sends(b"", b"data: {}\n\n", every_s=0.05, times=400),
}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("usage", [USAGE, b""])
def test_a_whole_answer_stays_whole_whatever_follows_it(
    after: str, usage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "FOR_USAGE_S", 1.0)
    monkeypatch.setattr(exchange, "FOR_THE_END_S", 0.5)
    began = time.monotonic()
    answer = asked_of(then(EVENTS, WORD, STOP, usage, after=AFTER[after]), silence_s=5.0)
    assert (answer.outcome, answer.attempts) == (Outcome.SCORED, 1)
    assert answer.response is not None
    assert answer.response.text == "7421830 "
    assert (answer.response.usage.input_tokens == 10) is bool(usage)
    assert answer.total_s is not None
    assert answer.total_s < 1.0 or not usage
    assert time.monotonic() - began < 3


def test_a_count_that_follows_the_stop_marker_late_is_waited_for() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(EVENTS + WORD + STOP)
        time.sleep(3)
        connection.sendall(USAGE)
        hangs()(connection)

    answer = asked_of(script, silence_s=10.0)
    assert answer.response is not None
    assert answer.response.usage.input_tokens == 10


def test_a_stop_marker_that_may_stand_before_the_end_is_not_taken_for_it() -> None:
    def part(text: str) -> bytes:
        candidate = {"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}
        return b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\n\n"

    def script(connection: socket.socket) -> None:
        for text in ("7421", "8", "30"):
            connection.sendall(part(text) if text != "7421" else EVENTS + part(text))
            time.sleep(0.5)

    answer = asked_of(script, name="gemini", silence_s=5.0)
    assert answer.response is not None
    assert answer.response.text == "7421830"
    assert (
        asked_of(then(EVENTS, part("7421"), after=resets), name="gemini").outcome is Outcome.ERROR
    )


REPLY = {"choices": [{"message": {"content": "7421830"}, "finish_reason": "stop"}]}
BODIES = {
    "one object": json.dumps(REPLY).encode(),
    "an indented object": json.dumps(REPLY, indent=1).encode(),
    "an object and a line end": json.dumps(REPLY).encode() + b"\r\n",
    "events": (
        b'data: {"choices": [{"delta": {"content": "7421830"}}]}\n\n' + STOP + b"data: [DONE]\n\n"
    ),
    "events behind a comment": (
        b": hello\n\n" + b'data: {"choices": [{"delta": {"content": "7421830"}}]}\n\n' + STOP
    ),
}
TYPES = [
    "text/event-stream",
    "application/json",
    "text/plain",
    "application/problem+json",
    "application/x-ndjson",
    "",
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n\n"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_the_first_sign_tells_json_from_events_whatever_the_type_says(
    body: str, kind: str, mark: bytes, line_end: bytes
) -> None:
    assert text_of(mark + BODIES[body].replace(b"\n", line_end), kind) == "7421830"


@pytest.mark.parametrize("number", [0, None, 1])
def test_another_choice_beside_the_answer_is_no_part_of_it(number: int | None) -> None:
    def event(index: int | None, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    ours, other = partial(event, number), partial(event, 2)
    raw = (
        ours({"content": "742"})
        + other({"content": "999"})
        + ours({"content": "1830"})
        + ours({}, "stop")
    )
    assert text_of(raw, "text/event-stream") == "7421830"


def text_of(raw: bytes, kind: str) -> str:
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"Content-Type": kind}, content=raw)
    )

    async def ask() -> Answer | None:
        provider = provider_at("http://127.0.0.1:9/v1")
        async with Pool(lambda: transport) as pool:
            clock = asyncio.get_running_loop().time
            throttle = Throttle(cap=1, in_flight_tokens=10**6, clock=clock)
            client = Client(
                pool,
                provider,
                throttle,
                attempts=1,
                clock=clock,
                timeouts=AdaptiveTimeout(5),
                longest_wait_s=1,
                patience_s=3_600,
            )
            return await client.ask(provider.request(PROMPT))

    answer = asyncio.run(ask())
    assert answer is not None
    assert answer.response is not None, answer.error
    return answer.response.text


@given(
    st.binary(max_size=60),
    st.lists(st.integers(0, 60), max_size=5),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_any_split_gives_the_same_events(noise: bytes, cuts: list[int], line_end: bytes) -> None:
    raw = line_end.join(
        [
            b"data: a",
            b"",
            b"event: error",
            b"data: " + noise.replace(b"<", b""),
            b"",
            b"data: b",
            b"data: c",
            b"",
            b"",
        ]
    )
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    parts = [raw[a:b] for a, b in itertools.pairwise(edges)]
    whole, split = StreamReader(), StreamReader()
    at_once = whole.feed(raw) + whole.finish()
    assert [event for part in parts for event in split.feed(part)] + split.finish() == at_once
    assert at_once[0] == "a"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_event_of_two_lines_is_one_event_byte_by_byte(line_end: bytes) -> None:
    reader, raw = StreamReader(), line_end.join([b"data: b", b"data: c", b"", b""])
    events = [event for byte in raw for event in reader.feed(bytes([byte]))]
    assert events + reader.finish() == ["b\nc"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"message": "overloaded"}', "overloaded"),
        (b'{"error": {"message": "engine died"}}', "engine died"),
        (b"all slots are busy", "all slots are busy"),
        (b"", "an error event without a message"),
    ],
)
def test_the_message_of_an_error_event_is_kept(data: bytes, said: str) -> None:
    lines = b"event: error\n" + (b"data: " + data + b"\n" if data else b"") + b"\n"
    assert said in str(asked_of(then(EVENTS, WORD, lines)).error)


FACTS: dict[str, Script] = {
    "drops": sends(HEAD % b"application/json" + b"{", b" ", every_s=0.05, times=400),
    "no end": sends(HEAD % b"application/json" + b"{", b" " * 100_000, times=100_000),
    "silence": hangs(),
}


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("end", ["time", "stop"])
def test_a_small_request_beside_the_sweep_is_bounded_and_hears_a_stop(kind: str, end: str) -> None:
    within_s = 1.0 if end == "time" else MOST_S

    async def fetch(port: int) -> str | None:
        loop = asyncio.get_running_loop()
        throttle = Throttle(cap=1, in_flight_tokens=1, clock=loop.time)
        provider = provider_at(f"http://127.0.0.1:{port}/v1")
        async with Pool(DirectTransport) as pool:
            client = Client(
                pool,
                provider,
                throttle,
                attempts=1,
                clock=loop.time,
                timeouts=AdaptiveTimeout(5),
                longest_wait_s=1,
                patience_s=3_600,
            )
            if end == "stop":
                loop.call_later(0.5, throttle.stop)
            models = HttpRequest(url=f"http://127.0.0.1:{port}/v1/models", headers={}, method="GET")
            return await client.fetch(models, within_s)

    began = time.monotonic()
    with listening(FACTS[kind]) as port:
        assert asyncio.run(fetch(port)) is None
    assert time.monotonic() - began < 5


# --- exceptions
# --------------------------------------------------------------------------------------------------

OF_HTTPX = [
    kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)
]
NEVER_SENT = {"ConnectTimeout", "PoolTimeout", "ConnectError", "ProxyError"}  # nobody was there
CANNOT_BE_SENT = {"LocalProtocolError", "UnsupportedProtocol", "InvalidURL", "CookieConflict"}


@pytest.mark.parametrize("kind", OF_HTTPX, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_caught_and_means_something(kind: type[Exception]) -> None:
    assert issubclass(kind, exchange.CAUGHT)
    fault, name = fault_of(kind.__new__(kind)), kind.__name__
    assert fault.sent is (name not in NEVER_SENT | CANNOT_BE_SENT)
    assert fault.unreachable is (name in NEVER_SENT)
    assert fault.retry is (name not in {*CANNOT_BE_SENT, "TooManyRedirects"})


def test_an_exception_of_a_new_kind_has_the_row_of_the_nearest_one() -> None:
    class NewTimeout(httpx.ConnectTimeout):
        """As a later httpx might have."""

    assert fault_of(NewTimeout("x")) is FAULTS[httpx.ConnectTimeout]


# --- scoring in time
# --------------------------------------------------------------------------------------------------


def test_a_reply_that_is_there_at_once_leaves_others_their_turns() -> None:
    async def main() -> int:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        there = pool._StampedReader()
        there.feed_data(b"1\r\n{\r\n" * 100)
        stream, beside = pool._Stream(there, writer=None), asyncio.create_task(others())  # type: ignore[arg-type]
        for _ in range(100):
            await stream.read(6)
        beside.cancel()
        return turns

    assert asyncio.run(main()) >= 100


def test_json_in_tiny_pieces_is_not_joined_at_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = 0
    join = vars(stream_parsing._Lines)["rest"].fget

    def counted(lines: stream_parsing._Lines) -> bytes:
        nonlocal joined
        joined += 1
        return bytes(join(lines))

    monkeypatch.setattr(stream_parsing._Lines, "rest", property(counted))
    reader, raw = StreamReader(), b'{"text": "' + b" " * 5_000 + b'"}'
    assert [event for sign in raw for event in reader.feed(bytes([sign]))] == []
    assert reader.finish() == [raw.decode()]
    assert joined <= 2


def slept(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


def test_long_work_does_not_hold_the_loop_and_is_given_up_in_time() -> None:
    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        assert await in_time(partial(slept, 0.3), 10**6) == "done"
        with pytest.raises(Overdue, match=r"not judged within 0.2 s"):
            await in_time(partial(slept, 1.0), 10**6, longest_s=0.2)
        with pytest.raises(ValueError, match="sleep"):
            await in_time(partial(slept, -1.0), 10**6)
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 20


def test_short_work_is_done_at_once() -> None:
    assert asyncio.run(in_time(threading.current_thread, 10)) is threading.main_thread()


# --- certificates
# --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("way", ["variable", "flag", "none"])
def test_a_certificate_authority_of_ones_own_is_believed_on_loopback(
    niah: Niah,
    authority: trustme.CA,
    host: str,
    way: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(trust)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if way == "variable":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    flag = ("--ca-file", "ca.pem") if way == "flag" else ()
    with listening(then(EVENTS, WORD, STOP, USAGE), trust) as port:
        at = ("--provider", "openai", "--base-url", f"https://{host}:{port}/v1", "--model", "m")
        asked = [("probe", *at, *flag), *([("models", *at[:4])] if way == "none" else [])]
        for ended in (niah(*command) for command in asked):
            assert ended.exit_code == (3 if way == "none" else 0), ended.err
            assert (
                "name the certificate authority of that server with --ca-file" in ended.err
            ) == (way == "none")


@pytest.mark.parametrize(("name", "text"), [("missing.pem", None), ("empty.pem", "no certificate")])
def test_a_file_of_authorities_that_cannot_be_used_is_one_line(
    niah: Niah, name: str, text: str | None
) -> None:
    if text is not None:
        Path(name).write_text(text)
    at = ("--provider", "openai", "--base-url", "https://127.0.0.1:9", "--ca-file", name)
    for ended in (niah("run", *at, "--model", "m"), niah("models", *at)):
        assert (ended.exit_code, ended.err.count("\n")) == (2, 1)
        assert f"ca_file '{name}' cannot be used" in ended.err


def test_a_hang_up_that_came_in_while_nobody_looked_is_seen_before_a_connection_is_used_again() -> (
    None
):
    """The loop was busy when the server hung up: the next request goes over a new connection, and
    none is lost."""
    was_read, hung_up = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            was_read.wait(5)
            connection.close()
            hung_up.set()

    async def twice() -> list[int]:
        transport = DirectTransport(idle_s=60.0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        found = []
        for _ in range(2):
            reply = await transport.handle_async_request(
                httpx.Request("GET", url, headers={"Host": "x"})
            )
            await reply.aread()
            await reply.aclose()
            found.append(reply.status_code)
            was_read.set()
            assert hung_up.wait(5)  # the loop stands still meanwhile
        await transport.aclose()
        return found

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    with listener:
        assert asyncio.run(twice()) == [200, 200]
