"""What the environment puts between here and a server: a proxy, and whose certificates count."""

from __future__ import annotations

import importlib.util
import os
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from coder.addresses import host_of, is_loopback, is_own, public, public_text
from coder.errors import ModelError

_SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, repr=False)
class Proxy:
    """A proxy's address, with the password that may be in it."""

    url: str

    @property
    def public_url(self) -> str:
        """The address as it may be shown."""
        return public(self.url)

    @property
    def host(self) -> str:
        return host_of(self.url)


def set_proxy(address: str, variables: tuple[str, ...] = ()) -> Proxy | None:
    """The proxy that the environment or the system sets for ``address``; ``variables`` are a
    provider's own names for one, which come first. Raises ``ModelError`` when it cannot be used.
    """
    found = next((os.environ[name] for name in variables if os.environ.get(name)), "")
    parts = urlsplit(address)
    if not found and not urllib.request.proxy_bypass(parts.netloc):
        proxies = urllib.request.getproxies()
        found = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not found:
        return None
    proxy = Proxy(found if "://" in found else f"http://{found}")
    if is_own(address):
        return proxy if _is_address(proxy.url) else None
    _require_usable(proxy)
    return proxy


def go_round(address: str, variables: tuple[str, ...] = ()) -> None:
    """Keep clients that read the environment for themselves from a proxy before this server;
    ``variables`` as for :func:`set_proxy`."""
    host = host_of(address)
    for name in variables:
        os.environ.pop(name, None)
    for name in ("NO_PROXY", "no_proxy"):
        listed = os.environ.get(name, "")
        if host not in listed.split(","):
            os.environ[name] = ",".join(filter(None, (listed, host)))


def client_options(address: str, proxy: Proxy | None) -> dict[str, Any]:
    """How an HTTP client for the server at ``address`` is made: of what the environment says it
    takes what was read here, and nothing else. Raises ``ModelError`` without certificates."""
    if address.startswith("http:") and is_loopback(address):
        # Reading certificates takes time that a plain address on this machine has no use for. The
        # context trusts nobody: no redirect is followed, and if one were it would end there.
        verify: ssl.SSLContext | bool = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        verify = certificates() or True
    return {
        "verify": verify,
        "proxy": proxy.url if proxy else None,
        # What it would read there is read already: what the user was told is what is used.
        "trust_env": False,
        # A server that texts may go to must not send them on to another.
        "follow_redirects": False,
    }


def certificates() -> ssl.SSLContext | None:
    """The certificates that SSL_CERT_FILE or SSL_CERT_DIR names; ``None`` if neither is set.

    Raises ``ModelError`` when there are none.
    """
    for name, is_there in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        if not (place := os.environ.get(name)):
            continue
        hint = f"correct {name}, or unset it"
        if not is_there(Path(place)):
            raise ModelError(f"{name} names {place}, which is not there", hint)
        try:
            if name == "SSL_CERT_FILE":
                return ssl.create_default_context(cafile=place)
            return ssl.create_default_context(capath=place)
        except OSError as error:
            why = error.strerror or error
            raise ModelError(f"{name} names {place}, which cannot be used: {why}", hint) from None
    return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _require_usable(proxy: Proxy) -> None:
    scheme = proxy.url.partition("://")[0].casefold()
    if scheme not in _SCHEMES or not _is_address(proxy.url):
        raise ModelError(
            f"{public_text(proxy.url)} is not a proxy that can be used",
            "correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY",
        )
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ModelError(
            f"the proxy {proxy.public_url} needs the package socksio",
            "pip install socksio, or name the server in NO_PROXY",
        )
