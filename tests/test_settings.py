"""Addresses that depend on a region or project, and the keys that belong to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from niah.errors import ConfigError
from niah.experiment.access import api_key_of
from niah.experiment.checks import completed
from niah.experiment.config import RunConfig, config_of, decides, read_config
from niah.tasks import task_names

CLOUDS = {
    "azure": ("https://acme.openai.azure.com/openai/v1", "AZURE_OPENAI_API_KEY"),
    "bedrock": (
        "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1",
        "AWS_BEARER_TOKEN_BEDROCK",
    ),
    "bedrock-anthropic": (
        "https://bedrock-mantle.us-west-2.api.aws/anthropic/v1",
        "AWS_BEARER_TOKEN_BEDROCK",
    ),
    "vertex": (
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/openapi",
        "VERTEX_ACCESS_TOKEN",
    ),
    "vertex-gemini": (
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google",
        "VERTEX_ACCESS_TOKEN",
    ),
}
PLACES = {
    "AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com/",
    "AWS_REGION": "us-west-2",
    "GOOGLE_CLOUD_LOCATION": "europe-west4",
    "GOOGLE_CLOUD_PROJECT": "p",
}


@pytest.fixture(autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)
    for _, variable in CLOUDS.values():
        monkeypatch.setenv(variable, f"key-of-{variable}")


@pytest.mark.parametrize("provider", CLOUDS)
def test_the_address_is_made_from_the_environment_and_has_its_own_key(provider: str) -> None:
    address, variable = CLOUDS[provider]
    config = completed(read_config(None, {"provider": provider, "model": "m"}))
    assert config.base_url == address
    assert api_key_of(config) == f"key-of-{variable}"
    assert config.identity()["base_url"] == address


@pytest.mark.parametrize("provider", CLOUDS)
def test_its_own_address_is_the_same_with_a_stroke_behind_it(provider: str) -> None:
    address, variable = CLOUDS[provider]
    config = completed(
        read_config(None, {"provider": provider, "model": "m", "base_url": f"{address}/"})
    )
    assert api_key_of(config) == f"key-of-{variable}"


def test_what_is_not_given_leaves_a_config_and_a_file_as_they_are(tmp_path: Path) -> None:
    given: dict[str, Any] = {"provider": "simulated", "model": "blind", "extra": {"seed": 1}}
    (tmp_path / "c.toml").write_text(
        'provider = "simulated"\nmodel = "blind"\nextra = {seed = 1}\n'
    )
    configs: list[RunConfig | Path] = [RunConfig(**given), tmp_path / "c.toml"]
    for config in configs:
        asked = config_of(config, {"model": None, "epochs": 3, "extra": {"top_k": 1}})
        assert (asked.model, asked.epochs, asked.extra) == ("blind", 3, {"seed": 1, "top_k": 1})


def test_an_address_that_is_none_is_called_by_its_key() -> None:
    for key, flag in (("base_url", "--api-key-env"), ("embed_url", "--embed-key-env")):
        with pytest.raises(ConfigError, match=f"{key} 'nowhere'"):
            read_config(None, {key: "nowhere"})
        with pytest.raises(
            ConfigError, match=f"{key} holds a user name or password, .* use {flag}"
        ):
            read_config(None, {key: "http://u:pw@h/v1"})


@pytest.mark.parametrize("value", [{1}, Path("x"), float("nan")])
def test_a_request_field_that_is_no_json_is_refused_before_anything_is_sent(value: object) -> None:
    with pytest.raises(ConfigError, match="extra cannot be sent"):
        RunConfig(extra={"field": [value]})


@pytest.mark.parametrize("key", ["epochs", "seed", "reply_tokens", "patience", "max_cost"])
def test_yes_is_no_number(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} = True: use a "):
        read_config(None, {key: True})


def test_digits_of_full_width_are_digits_everywhere() -> None:
    wide = {
        "lengths": "５００，１ｋ",
        "depths": "０：１００：５０",
        "epochs": "２",
        "claimed": "８ｋ",
    }
    plain = {"lengths": "500,1k", "depths": "0:100:50", "epochs": 2, "claimed": 8_000}
    assert read_config(None, wide) == read_config(None, plain)
    assert read_config(None, {"epochs": 3.0}).epochs == 3  # as tables of other programs write it


def test_a_price_may_have_spaces_as_lengths_may() -> None:
    assert read_config(None, {"price": "input=2, output=10"}).price == {
        "input": 2.0,
        "output": 10.0,
    }


@pytest.mark.parametrize("provider", CLOUDS)
def test_another_address_does_not_get_that_key(provider: str) -> None:
    config = completed(
        read_config(None, {"provider": provider, "model": "m", "base_url": "https://elsewhere/v1"})
    )
    assert config.base_url == "https://elsewhere/v1"
    assert api_key_of(config) is None


@pytest.mark.parametrize(
    ("provider", "lacking", "named"),
    [
        ("azure", ("AZURE_OPENAI_ENDPOINT",), "AZURE_OPENAI_ENDPOINT: set"),
        ("bedrock", ("AWS_REGION",), "AWS_REGION: set"),
        ("bedrock-anthropic", ("AWS_REGION",), "AWS_REGION: set"),
        ("vertex", ("GOOGLE_CLOUD_PROJECT",), "GOOGLE_CLOUD_PROJECT: set"),
        (
            "vertex-gemini",
            ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"),
            "GOOGLE_CLOUD_LOCATION and GOOGLE_CLOUD_PROJECT: set",
        ),
    ],
)
def test_a_missing_region_or_project_is_named(
    provider: str, lacking: tuple[str, ...], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in lacking:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=named):
        completed(read_config(None, {"provider": provider, "model": "m"}))


def test_a_missing_key_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    with pytest.raises(ConfigError, match="AWS_BEARER_TOKEN_BEDROCK"):
        completed(read_config(None, {"provider": "bedrock", "model": "m"}))


def test_vertex_has_a_place_without_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "global")
    config = completed(read_config(None, {"provider": "vertex", "model": "google/m"}))
    assert (
        config.base_url
        == "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi"
    )


def test_every_config_key_says_what_it_decides() -> None:
    """Identity, pairing, extension and what a comparison refuses follow from it; a new key without
    it is forgotten."""
    kinds = {
        "grid",
        "prompts",
        "scores",
        "controls",
        "delivery",
        "model",
        "access",
        "pace",
        "money",
        "label",
    }
    assert {key: decides(key) for key in RunConfig.model_fields if decides(key) not in kinds} == {}
    assert decides("no such key") is None


def test_the_verdict_reads_no_config_and_knows_no_task() -> None:
    """A baseline's file holds one, and only checks that nobody edited it."""
    verdict = Path(__file__).resolve().parents[1] / "niah" / "verdict"
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(verdict.glob("*.py"))
        if path.name != "baseline.py"
    )
    assert 'config["' not in text
    assert ".config.get(" not in text
    assert not [name for name in task_names() if f'"{name}"' in text]
