"""Opens a web page in the user's browser, and nothing that is not a web page."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

from coder.cli.terminal import plain


def open_page(url: str) -> str:
    """Open ``url`` when it is http(s) and there is a browser with a window; say what happened.

    The browser runs on its own: it can neither write on the review's screen nor end it.
    """
    if not _is_page(url):
        return f"not opened, only http and https links are: {plain(url)}" if url else "no link"
    if not _has_window():
        return f"no browser here; the link is {url}"
    subprocess.Popen(
        # -P, or a webbrowser.py in the study would be run instead.
        [sys.executable, "-P", "-m", "webbrowser", "-t", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return f"opened {url}"


def _is_page(url: str) -> bool:
    if not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _has_window() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
