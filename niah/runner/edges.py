"""Where context may break: a server's window and the length its model was trained for, and lengths there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from niah.experiment.experiment import Experiment
from niah.providers import HttpRequest
from niah.runner.observer import Observer
from niah.runner.session import connected, open_session
from niah.text.outside import json_in

_TRAINED = ("n_ctx_train", "original_max_position_embeddings", "max_position_embeddings")
_WINDOW = ("n_ctx", "max_model_len", "context_length", "max_context_length")
_AROUND = (0.85, 1.1)  # of an edge: safely before it, and behind; a tokenizer counts otherwise than ours


def told_edges(experiment: Experiment) -> tuple[int | None, int | None]:
    """Window and trained length in the server's tokens, as its list of models and its properties tell them."""
    return asyncio.run(_told(experiment))


def lengths_around(window: int | None, trained: int | None, least: int) -> list[int]:
    """Lengths before and behind half the window, the window, the trained length and twice it; none over the window."""
    edges = [window and window // 2, window, trained, trained and 2 * trained]
    around = {round(edge * share) for edge in edges if edge for share in _AROUND}
    most = round(window * _AROUND[0]) if window else max(around, default=0)
    return sorted(n for n in around if least <= n <= most)


async def _told(experiment: Experiment) -> tuple[int | None, int | None]:
    with open_session(experiment, lambda text: None) as session:
        provider = session.provider
        requests = [provider.models_request(), provider.window_request()]
        async with connected(session, experiment, Observer()) as client:
            bodies = [await client.fetch(request) for request in requests if isinstance(request, HttpRequest)]
    tables = [table for body in bodies if body is not None and (table := _table(body)) is not None]
    return _named(tables, _WINDOW), _named(tables, _TRAINED)


def _table(body: str) -> Any:
    try:
        return json_in(body)
    except ValueError:
        return None


def _named(tables: Iterable[Any], names: Iterable[str]) -> int | None:
    """The first whole number of these names, however deep; of several the smallest."""
    found = [n for name in names for table in tables for n in _values(table, name)]
    return min(found, default=None)


def _values(table: Any, name: str) -> Iterable[int]:
    if isinstance(table, Mapping):
        for key, value in table.items():
            if key == name and isinstance(value, int) and value > 0:
                yield value
            yield from _values(value, name)
    elif isinstance(table, list):
        for item in table:
            yield from _values(item, name)
