"""Which chat model a setting means: its provider, address and key, before anything is contacted."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from coder.errors import ModelError, UsageError
from coder.records import is_loopback, server_identity
from coder.study import ModelSettings, Study

LOCAL = {
    "ollama": "http://localhost:11434/v1",
    "vllm": "http://localhost:8000/v1",
    "llamacpp": "http://localhost:8080/v1",
}
"""Servers that speak OpenAI's protocol without a key, and where each listens by default."""

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

SERVICES = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "google_genai": "generativelanguage.googleapis.com",
    "mistralai": "api.mistral.ai",
}

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
    key: SecretStr | None = None
    api_version: str = ""

    @property
    def speaks_openai(self) -> bool:
        """Whether it takes OpenAI's chat completions, with ``response_format``."""
        return self.provider in OPENAI

    @property
    def compatible(self) -> bool:
        """Whether it is another server that speaks OpenAI's protocol."""
        return self.provider == "openai" and bool(self.base_url)

    @property
    def public_url(self) -> str:
        """The address without what may be secret in it; empty for the provider's own."""
        parts = urlsplit(self.base_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", "")) if self.base_url else ""

    @cached_property
    def identity(self) -> str:
        """What of the address tells the answers of this server from those of others."""
        return server_identity(self.public_url)

    @property
    def host(self) -> str:
        """Where texts are sent: a server's name, or the provider's where it has its own."""
        return urlsplit(self.base_url).hostname or SERVICES.get(self.provider, self.provider)

    @property
    def is_own(self) -> bool:
        """Whether the server stands on this machine or in its private network."""
        if self.is_loopback or self.host.endswith((".local", ".internal", ".lan")):
            return True
        try:
            return ip_address(self.host).is_private
        except ValueError:
            # A name without a dot is known to the local network alone, unless it is a provider.
            return bool(self.base_url) and "." not in self.host

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.base_url)


def endpoint(study: Study) -> Endpoint:
    """The chat model ``study`` is set to. Raises ``ModelError`` when it cannot be used here."""
    model = study.settings.model
    prefix, colon, name = model.name.partition(":")
    if not colon or not name:
        raise ModelError(f"{model.name!r} is not a model", f"write provider:model, {_EXAMPLE}")
    provider = ALIASES.get(prefix, prefix)
    if model.base_url and not _is_address(model.base_url):
        raise ModelError(
            f"base_url {model.base_url!r} is not an address",
            "write it with http:// or https://, for example http://localhost:8080/v1",
        )
    if provider in LOCAL or (provider == "openai" and model.base_url):
        # Only the key that is meant for this server: another provider's must not be sent to it.
        url = model.base_url or LOCAL[provider]
        return Endpoint(model.name, "openai", name, url, study.settings.api_key)
    if provider not in OPENAI:
        _require_package(provider, prefix)
    key = _key(study, provider)
    if provider != "azure_openai":
        return Endpoint(model.name, provider, name, model.base_url, key)
    address = model.base_url or _plain(study, "AZURE_OPENAI_ENDPOINT")
    if not address:
        raise ModelError(
            f"{model.name} needs the address of your Azure resource",
            "set AZURE_OPENAI_ENDPOINT in .env, or base_url in study.toml",
        )
    version = _plain(study, "OPENAI_API_VERSION") or "2024-10-21"
    return Endpoint(model.name, provider, name, address, key, version)


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


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = text.isprintable() and " " not in text
    return whole and plain and parts.scheme in ("http", "https")


def _key(study: Study, provider: str) -> SecretStr | None:
    variable = KEYS.get(provider)
    key = (study.key(variable) if variable else None) or study.settings.api_key
    if variable and key is None:
        raise ModelError(
            f"{study.settings.model.name} needs a key and there is none",
            f"set {variable} in the environment or in {study.root / '.env'}; "
            "--model embedded needs no key",
        )
    return key


def _plain(study: Study, variable: str) -> str:
    value = study.key(variable)
    return value.get_secret_value() if value else ""


def _require_package(provider: str, prefix: str) -> None:
    from langchain.chat_models import base as registry

    known = getattr(registry, "_BUILTIN_PROVIDERS", {})
    package = known[provider][0].partition(".")[0] if provider in known else f"langchain_{provider}"
    if importlib.util.find_spec(package) is None:
        if known and provider not in known:
            raise ModelError(f"no provider is called {prefix!r}", f"write {_EXAMPLE}")
        raise ModelError(
            f"{prefix}: models need the package {package.replace('_', '-')}",
            f"pip install {package.replace('_', '-')}",
        )
