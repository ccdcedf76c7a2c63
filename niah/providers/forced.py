"""How sure a model is of the right answer: its log-probability, teacher-forced. No I/O.

Each server is a generator that yields requests and is sent their bodies. It returns nats: minus the
log-probability of the target behind the prompt, 0 where the model is sure. Shapes as documented by
llama.cpp (tools/server/README.md), vLLM (prompt_logprobs of Chat Completions), SGLang (/generate
with return_logprob) and OpenAI (logprobs). The right answer is taken to be the bare value: a model
that likes to write a sentence pays for that too, in all runs alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from niah.providers import HttpRequest, Service, json_request
from niah.text.outside import json_in

Steps = Generator[HttpRequest, str, float | None]

_FEW, _MANY = 64, 4_096  # candidates asked for first, and where the right one is not among them


def forced(service: Service, prompt: str, target: str) -> Steps:
    """Ask a service about a prompt and its target; others tell of right answers only."""
    return _SERVERS.get(service.provider, _openai)(service, prompt, target)


def _llama_cpp(service: Service, prompt: str, target: str) -> Steps:
    """Token by token over the prompt cache: each step computes one token."""
    user = _user(prompt)
    template = (yield from _told(service, "//apply-template", messages=user))["prompt"]
    known = yield from _tokens(service, template)
    whole = yield from _tokens(service, template + _gap(template) + target)
    if whole[: len(known)] != known or len(whole) == len(known):
        return None  # the target melts into the prompt's last token
    nats = 0.0
    for i in range(len(known), len(whole)):
        step = {"temperature": 0, "prompt": whole[:i], "n_predict": 1, "cache_prompt": True}
        for candidates in (_FEW, _MANY):
            told = yield from _told(service, "//completion", **step, n_probs=candidates)
            top = told["completion_probabilities"][0]["top_logprobs"]
            likely = {c["id"]: c["logprob"] for c in top}
            if whole[i] in likely:
                break
        nats -= likely.get(whole[i], min(likely.values()))  # rarer than all of these
    return float(nats)


def _tokens(service: Service, text: str) -> Generator[HttpRequest, str, list[int]]:
    asked = {"content": text, "add_special": True, "parse_special": True}
    tokens: list[int] = (yield from _told(service, "//tokenize", **asked))["tokens"]
    twice = tokens[:1] == tokens[1:2]  # the first one, which the template brings as well
    return tokens[1:] if twice else tokens


def _vllm(service: Service, prompt: str, target: str) -> Steps:
    """The prompt once more, with the target as the answer's beginning: computed afresh."""
    model, user = service.model, _user(prompt)
    before = (yield from _told(service, "//tokenize", model=model, messages=user))["count"]
    messages = [*user, {"role": "assistant", "content": target}]
    begun = {"model": model, "messages": messages, "add_generation_prompt": False}
    asked = {"continue_final_message": True, "prompt_logprobs": 0, "max_tokens": 1}
    told = yield from _told(service, "/chat/completions", **begun, **asked)
    places = told["prompt_logprobs"][before:]
    if not places:
        return None
    return -sum(float(next(iter(place.values()))["logprob"]) for place in places)


def _sglang(service: Service, prompt: str, target: str) -> Steps:
    """The prompt as plain text, without a chat template: its route for this knows none."""
    one = {"sampling_params": {"max_new_tokens": 1, "temperature": 0}}
    before = (yield from _told(service, "//generate", text=prompt, **one))["meta_info"]
    start, text = before["prompt_tokens"], prompt + _gap(prompt) + target
    asked = {"return_logprob": True, "logprob_start_len": start - 1, **one}
    told = (yield from _told(service, "//generate", text=text, **asked))["meta_info"]
    count = told["prompt_tokens"] - start
    if count <= 0:
        return None
    return -sum(float(logprob) for logprob, *_ in told["input_token_logprobs"][-count:])


def _openai(service: Service, prompt: str, target: str) -> Steps:
    """The answer once more, with the log-probabilities of its tokens up to the target's end."""
    body = {"logprobs": True, **service.extra, "messages": _user(prompt), "model": service.model}
    told = yield from _told(service, "/chat/completions", **{**body, "stream": False})
    text, nats = "", 0.0
    for token in told["choices"][0]["logprobs"]["content"]:
        text, nats = text + token["token"], nats - token["logprob"]
        if target in text:
            return float(nats)
    return None


_SERVERS: Mapping[str, Callable[[Service, str, str], Steps]] = {
    "llama.cpp": _llama_cpp,
    "vllm": _vllm,
    "sglang": _sglang,
}


def _told(service: Service, path: str, /, **table: Any) -> Generator[HttpRequest, str, Any]:
    """What a route answers to a table; a field of it may have any name."""
    key = service.key_headers("Authorization")
    return json_in((yield json_request(service.url(path), key, table)))


def _user(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _gap(prompt: str) -> str:
    """What stands between a prompt and its answer: behind "Answer:" a space."""
    return "" if prompt[-1:].isspace() or prompt.endswith(">") else " "
