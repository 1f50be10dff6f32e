"""Which chat model a setting means: its provider, address and key, before anything is contacted."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from functools import cached_property

from pydantic import SecretStr

from coder.addresses import (
    LOCAL_SERVERS,
    host_of,
    is_own,
    normalised,
    public,
    public_text,
    server_identity,
)
from coder.errors import InputError, ModelError, UsageError
from coder.proposers.chat.environment import Proxy, set_proxy
from coder.study import ModelSettings, Study

SETTING = "base_url"
"""What names an address that the settings name."""
OWN_KEY = "CODER_API_KEY"
"""The variable that holds the key of a server that the settings name."""

OPENAI = ("openai", "azure_openai")
"""Providers that are asked through openai's client; all others through langchain."""
ALIASES = {"azure": "azure_openai", "google": "google_genai", "mistral": "mistralai"}
KEYS = {
    "openai": "OPENAI_API_KEY",
    "azure_openai": "AZURE_OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google_genai": "GOOGLE_API_KEY",
    "mistralai": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "together": "TOGETHER_API_KEY",
    "fireworks": "FIREWORKS_API_KEY",
    "xai": "XAI_API_KEY",
    "cohere": "COHERE_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""The variable that holds each hosted provider's key; others sign in by means of their own."""


@dataclass(frozen=True)
class Service:
    """Where a hosted provider is, unless a variable names another place. ``argument`` is what its
    package calls the address."""

    address: str
    variables: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    argument: str = "base_url"


SERVICES = {
    "openai": Service("https://api.openai.com/v1", ("OPENAI_BASE_URL", "OPENAI_API_BASE")),
    "azure_openai": Service("", ("AZURE_OPENAI_ENDPOINT",)),
    "anthropic": Service(
        "https://api.anthropic.com",
        ("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL"),
        ("ANTHROPIC_PROXY",),
    ),
    "google_genai": Service(
        "https://generativelanguage.googleapis.com", ("GOOGLE_GEMINI_BASE_URL",)
    ),
    "mistralai": Service("https://api.mistral.ai/v1", ("MISTRAL_BASE_URL",)),
    "groq": Service("https://api.groq.com", ("GROQ_API_BASE", "GROQ_BASE_URL"), ("GROQ_PROXY",)),
    "deepseek": Service(
        "https://api.deepseek.com/v1", ("DEEPSEEK_API_BASE",), ("OPENAI_PROXY",), "api_base"
    ),
    "cohere": Service("https://api.cohere.com", ("CO_API_URL",)),
    "xai": Service("https://api.x.ai/v1", ("XAI_API_BASE",), ("OPENAI_PROXY",)),
}
"""Providers of which it is known; the packages of others choose the address by themselves."""

_MOVES = re.compile(r"_(API_)?(BASE|BASE_URL|URL|ENDPOINT|ENDPOINT_URL|HOST)(_|$)")
"""In a variable that begins with a provider's name: it may name another address."""

MOST_TEMPERATURE = {"anthropic": 1.0, "mistralai": 1.5}
"""The highest temperature that a provider takes, where it is below 2."""

_EXAMPLE = "for example openai:gpt-4.1-mini, ollama:llama3.1:8b or embedded"


@dataclass(frozen=True)
class Endpoint:
    """A chat model and how to reach it."""

    setting: str
    provider: str
    model: str
    base_url: str = ""
    """Where requests go; empty where only the provider's package knows."""
    key: SecretStr | None = None
    api_version: str = ""
    named_by: str = ""
    """What named the address: a setting or a variable; empty for the provider's own. Where only the
    package knows the address, the variables that may move it, with their values."""
    proxy: Proxy | None = None
    """What requests go through."""
    bypassed: Proxy | None = None
    """What is set for such addresses and does not come between: the server is one's own."""
    key_name: str = ""
    strange_key: bool = False
    """Whether the study folder names the address, and the key is not from there."""

    @property
    def speaks_openai(self) -> bool:
        """Whether it takes OpenAI's chat completions, with ``response_format``."""
        return self.provider in OPENAI

    @property
    def compatible(self) -> bool:
        """Whether it is another server that speaks OpenAI's protocol."""
        return self.provider == "openai" and bool(self.named_by)

    @property
    def public_url(self) -> str:
        """The address without what may be secret in it; empty where it is not known."""
        return public(self.base_url)

    @cached_property
    def identity(self) -> str:
        """What of the address tells the answers of this server from those of others; empty for the
        provider's own."""
        if not self.base_url:
            return self.named_by
        return server_identity(self.public_url) if self.named_by else ""

    @property
    def host(self) -> str:
        """Where texts are sent: a server's name, or the provider's where it is not known."""
        return host_of(self.base_url) or self.provider

    @property
    def place(self) -> str:
        """The address; the provider where it is not known, with what may have moved it."""
        if self.base_url:
            return self.public_url
        moved = f" at {self.named_by}" if self.named_by else ""
        return f"the {self.provider} service{moved}"

    @property
    def where(self) -> str:
        """The address, with what named it and what stands before it."""
        said = self.place
        if self.base_url and self.named_by not in ("", SETTING):
            said += f" (from {self.named_by})"
        if self.proxy is not None:
            said += f" through the proxy {self.proxy.public_url}"
        return said

    @property
    def is_own(self) -> bool:
        """Whether texts may go there unasked; see :func:`coder.addresses.is_own`."""
        return is_own(self.base_url)

    @property
    def is_encrypted(self) -> bool:
        """Whether a proxy can read nothing of what passes through it."""
        return not self.base_url.startswith("http:")


def endpoint(study: Study) -> Endpoint:
    """The chat model ``study`` is set to, by its settings and the environment.

    Raises ``ModelError`` when it cannot be used here.
    """
    model = study.settings.model
    prefix, colon, name = model.name.partition(":")
    if not colon or not name:
        raise ModelError(f"{model.name!r} is not a model", f"write provider:model, {_EXAMPLE}")
    provider = ALIASES.get(prefix, prefix)
    local = provider in LOCAL_SERVERS
    if not local and provider not in OPENAI:
        _require_package(provider, prefix)
    address, named_by = _address(study, provider)
    # A server that is named in the settings gets only the key that is meant for such servers:
    # another provider's must not be sent to it.
    other = local or (provider == "openai" and named_by == SETTING)
    key, key_name = _key(study, "" if other else provider)
    if provider == "azure_openai" and not address:
        raise ModelError(
            f"{model.name} needs the address of your Azure resource",
            "set AZURE_OPENAI_ENDPOINT in .env, or base_url in study.toml",
        )
    variables = SERVICES[provider].proxies if provider in SERVICES else ()
    proxy = set_proxy(address or "https://", variables)
    own = is_own(address)
    return Endpoint(
        setting=model.name,
        provider="openai" if local else provider,
        model=name,
        base_url=address,
        key=key,
        api_version=study.variable("OPENAI_API_VERSION") or "2024-10-21",
        named_by=named_by,
        proxy=None if own else proxy,
        bypassed=proxy if own else None,
        key_name=key_name,
        strange_key=key is not None
        and bool(address)
        and _is_of_folder(study, named_by)
        and not _is_of_folder(study, key_name),
    )


def check_settings(to: Endpoint, model: ModelSettings) -> None:
    """Raises ``UsageError`` for settings that the provider's models cannot be asked with."""
    prefix = model.name.partition(":")[0]
    if model.decode == "score" and not to.speaks_openai:
        raise UsageError(
            f'model.decode = "score" needs log-probabilities, which {prefix}: models do not tell',
            'set model.decode = "json"',
        )
    drawn = "sample_temperature" if model.samples > 1 and not model.temperature else "temperature"
    most = MOST_TEMPERATURE.get(to.provider, 2.0)
    if getattr(model, drawn) > most:
        raise UsageError(
            f"model.{drawn} = {getattr(model, drawn)}, but {prefix}: models take 0 to {most:g}",
            f"set model.{drawn} to {most:g} or less",
        )


def address_of(provider: str, base_url: str) -> str:
    """Where the texts of a run went, by the provider and address that it names; empty where only
    the provider's package knew."""
    service = SERVICES.get(ALIASES.get(provider, provider), Service(""))
    return base_url or service.address


def _address(study: Study, provider: str) -> tuple[str, str]:
    """Where the provider's models are asked, and what named the address."""
    service = SERVICES.get(provider, Service(""))
    if url := study.settings.model.base_url:
        return _checked(url, SETTING), SETTING
    if provider in LOCAL_SERVERS:
        return LOCAL_SERVERS[provider], SETTING
    for name in service.variables:
        if url := study.variable(name):
            address = _checked(url, name)
            return address, "" if address.rstrip("/") == service.address else name
    return service.address, "" if provider in SERVICES else _moved_by(provider)


def _checked(url: str, named_by: str) -> str:
    try:
        return normalised(url)
    except InputError as error:
        raise ModelError(f"{named_by}: {error.message}", error.hint) from None


def _moved_by(provider: str) -> str:
    """The variables from which a package that chooses the address by itself may take another."""
    stem = KEYS.get(provider, provider.upper()).removesuffix("_API_KEY")
    stems = {stem, provider.upper(), provider.upper().partition("_")[0]}
    stems |= {"AWS"} if "bedrock" in provider else set()
    found = [
        f"{name}={public_text(value)}"
        for name, value in sorted(os.environ.items())
        if value and _MOVES.search(name) and any(name.startswith(f"{stem}_") for stem in stems)
    ]
    return ", ".join(found)


def _key(study: Study, provider: str) -> tuple[SecretStr | None, str]:
    """The key for a hosted provider, or of another server for the empty one, and its name."""
    variable = KEYS.get(provider)
    if variable and (key := study.key(variable)):
        return key, variable
    if variable and study.settings.api_key is None:
        raise ModelError(
            f"{study.settings.model.name} needs a key and there is none",
            f"set {variable} in the environment or in {study.root / '.env'}; "
            "--model embedded needs no key",
        )
    return study.settings.api_key, OWN_KEY


def _is_of_folder(study: Study, name: str) -> bool:
    """Whether the study folder sets the address or key that goes by this name."""
    if name == SETTING:
        return bool(study.settings.model.base_url) and study.is_from_folder("model", "base_url")
    if name == OWN_KEY:
        return study.is_from_folder("api_key")
    return bool(name) and not os.environ.get(name)


def _require_package(provider: str, prefix: str) -> None:
    from langchain.chat_models import base as registry

    known = getattr(registry, "_BUILTIN_PROVIDERS", {})
    if (known and provider not in known) or not provider.isidentifier():
        # A study may name anything: no package is looked for by a name that it makes up.
        raise ModelError(f"no provider is called {prefix!r}", f"write {_EXAMPLE}")
    package = known[provider][0].partition(".")[0] if provider in known else f"langchain_{provider}"
    if importlib.util.find_spec(package) is None:
        raise ModelError(
            f"{prefix}: models need the package {package.replace('_', '-')}",
            f"pip install {package.replace('_', '-')}",
        )
