"""How sure a model is of the right answer: its log-probability, teacher-forced, for servers that
can tell. No I/O.

Each server is a generator that yields requests and is sent their bodies. It returns nats: minus the
log-probability of the target behind the prompt, 0 where the model is sure. Shapes as documented by
llama.cpp (tools/server/README.md), vLLM (prompt_logprobs of Chat Completions), SGLang (/generate
with return_logprob) and OpenAI (logprobs). The right answer is taken to be the bare value: a model
that likes to write a sentence pays for that too, in all runs alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any

from niah.providers import HttpRequest, Service
from niah.text.outside import json_in

Steps = Generator[HttpRequest, str, float | None]

_FEW, _MANY = 64, 4_096  # candidates asked for first, and where the right one is not among them


def forced(service: Service) -> Callable[[str, str], Steps]:
    """What asks a service about a prompt and its target; other servers tell of answers that are
    right only."""
    ask = _SERVERS.get(service.provider, _openai)
    return lambda prompt, target: ask(service, prompt, target)


def _llama_cpp(service: Service, prompt: str, target: str) -> Steps:
    """Token by token over the prompt cache: each step computes one token."""
    template = json_in((yield _post(service, "//apply-template", messages=_user(prompt))))["prompt"]
    known = yield from _tokens(service, template)
    whole = yield from _tokens(service, template + _gap(template) + target)
    if whole[: len(known)] != known or len(whole) == len(known):
        return None  # the target melts into the prompt's last token
    nats = 0.0
    for i in range(len(known), len(whole)):
        for candidates in (_FEW, _MANY):
            step: dict[str, Any] = {
                "prompt": whole[:i],
                "n_predict": 1,
                "n_probs": candidates,
                "cache_prompt": True,
            }
            told = json_in((yield _post(service, "//completion", temperature=0, **step)))
            likely = {
                c["id"]: c["logprob"] for c in told["completion_probabilities"][0]["top_logprobs"]
            }
            if whole[i] in likely:
                break
        nats -= likely.get(whole[i], min(likely.values()))  # rarer than all of these
    return float(nats)


def _tokens(service: Service, text: str) -> Generator[HttpRequest, str, list[int]]:
    body = yield _post(service, "//tokenize", content=text, add_special=True, parse_special=True)
    tokens: list[int] = json_in(body)["tokens"]
    return (
        tokens[1:] if tokens[:1] == tokens[1:2] else tokens
    )  # the template brings the first one, too


def _vllm(service: Service, prompt: str, target: str) -> Steps:
    """The prompt once more, with the target as the beginning of the answer: computed afresh, not
    from the cache."""
    before = json_in(
        (yield _post(service, "//tokenize", model=service.model, messages=_user(prompt)))
    )["count"]
    messages = [*_user(prompt), {"role": "assistant", "content": target}]
    begun = {
        "add_generation_prompt": False,
        "continue_final_message": True,
        "prompt_logprobs": 0,
        "max_tokens": 1,
    }
    told = json_in(
        (yield _post(service, "/chat/completions", model=service.model, messages=messages, **begun))
    )
    places = told["prompt_logprobs"][before:]
    return (
        -sum(float(next(iter(place.values()))["logprob"]) for place in places) if places else None
    )


def _sglang(service: Service, prompt: str, target: str) -> Steps:
    """The prompt as plain text, without a chat template: its route for this knows none."""
    one = {"max_new_tokens": 1, "temperature": 0}
    before = json_in((yield _post(service, "//generate", text=prompt, sampling_params=one)))[
        "meta_info"
    ]
    start, text = before["prompt_tokens"], prompt + _gap(prompt) + target
    asked = {"return_logprob": True, "logprob_start_len": start - 1}
    told = json_in((yield _post(service, "//generate", text=text, sampling_params=one, **asked)))[
        "meta_info"
    ]
    count = told["prompt_tokens"] - start
    return (
        -sum(float(logprob) for logprob, *_ in told["input_token_logprobs"][-count:])
        if count > 0
        else None
    )


def _openai(service: Service, prompt: str, target: str) -> Steps:
    """The answer once more, with the log-probabilities of its tokens up to the end of the target in
    it."""
    body = {
        "logprobs": True,
        **service.extra,
        "messages": _user(prompt),
        "model": service.model,
        "stream": False,
    }
    told = json_in((yield _post(service, "/chat/completions", **body)))
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


def _post(service: Service, path: str, **table: Any) -> HttpRequest:
    headers = {"Content-Type": "application/json", **service.key_headers("Authorization")}
    return HttpRequest(url=service.url(path), headers=headers, body=(json.dumps(table).encode(),))


def _user(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _gap(prompt: str) -> str:
    """What stands between a prompt and its answer: a prompt that ends in "Answer:" wants a
    space."""
    return "" if prompt[-1:].isspace() or prompt.endswith(">") else " "
