"""Who is asked, where, and with which key: what a config and the environment say of a service."""

from __future__ import annotations

from string import Formatter

from niah.errors import ConfigError
from niah.experiment.config import RunConfig, config_of
from niah.experiment.environment import variable as environment_variable
from niah.providers import PROVIDERS, ProviderEntry, Service, is_loopback, known_provider
from niah.text.outside import hide
from niah.text.validation import path_of


def service_of(config: RunConfig, *, keyed: bool = True) -> Service:
    """The model and address that a config names, with its key. Raises ConfigError without one."""
    known = known_provider(config.provider)
    return Service(
        provider=config.provider,
        model=str(config.model),
        base_url=config.base_url or str(known.base_url),
        api_key=api_key_of(config) if keyed else None,
        extra=config.extra,
        reply_field=config.reply_field,
        key_header=known.key_header,
    )


def addressed(config: RunConfig) -> RunConfig:
    """The config with the address of a provider whose own depends on a region or project.

    Raises ConfigError where the environment does not say which.
    """
    known = known_provider(config.provider)
    if config.base_url is not None or not _variables(known):
        return config
    address = _address_of(known)
    if address is None:
        missing = [name for name in _variables(known) if not environment_variable(name)]
        raise ConfigError(
            f"provider {config.provider!r} needs {' and '.join(missing)}: set the environment"
            f" variable{'s' * (len(missing) > 1)}, or give the whole address with --base-url and"
            " the key with --api-key-env"
        )
    return config_of(config, {"base_url": address})


def _address_of(known: ProviderEntry) -> str | None:
    """A provider's own address with the environment's region or project; None without them."""
    values = {name: environment_variable(name).rstrip("/") for name in _variables(known)}
    if known.base_url is None or not all(values.values()):
        return None
    address = known.base_url.format(**values)
    # of Vertex: that place has no prefix
    return address.replace("https://global-aiplatform.", "https://aiplatform.")


def _variables(known: ProviderEntry) -> list[str]:
    return sorted({name for _, name, _, _ in Formatter().parse(known.base_url or "") if name})


def api_key_of(config: RunConfig) -> str | None:
    """The key, from the environment or the file that the config names.

    A provider's own variable is read for its own address only. Raises ConfigError without a key.
    """
    if config.api_key_file:
        return _checked(_from_file(config.api_key_file), config.api_key_file)
    known = known_provider(config.provider)
    is_own = config.base_url is None or config.base_url.rstrip("/") == _address_of(known)
    own = known.key_variable if is_own else None
    return _from_variable(config.api_key_env or own, "--api-key-env")


def embed_key_of(config: RunConfig) -> str | None:
    """The key for the server of vectors. Raises ConfigError where its variable holds none."""
    return _from_variable(config.embed_key_env, "--embed-key-env")


def key_hint(config: RunConfig, error: str | None) -> str:
    """What to add to a refusal by a server on this machine, which gets no provider's own key.

    A proxy may want one all the same, and some say only 500 without it.
    """
    refused = (error or "").startswith(("401", "403", "500"))
    known = PROVIDERS.get(config.provider)  # None: one that was handed over
    address = config.base_url or (known.base_url if known else None) or ""
    if not refused or config.api_key_env or config.api_key_file or not is_loopback(address):
        return ""
    return (
        "; no key was sent: if this server wants one, name its variable with --api-key-env VARIABLE"
    )


def _from_variable(variable: str | None, flag: str) -> str | None:
    if variable is None:
        return None
    key = environment_variable(variable)
    if not key:
        raise ConfigError(
            f"no key: set {variable} in the environment or in .env, or name another with {flag}"
        )
    return _checked(key, variable)


def _from_file(path: str) -> str:
    try:
        key = path_of(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        kind = error.__class__.__name__
        raise ConfigError(f"api_key_file {path!r} cannot be read ({kind})") from None
    if not key:
        raise ConfigError(
            f"api_key_file {path!r} is empty; write the key into it, and nothing else"
        )
    return key


def _checked(key: str, place: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"the key in {place} holds a space, a line end or another sign that no key has;"
            " set it again"
        )
    hide(key)
    return key
