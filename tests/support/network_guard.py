"""Runs a command under strace and tells every address it spoke to and every name it looked up.

Seen from the kernel, because libraries written in C++ or Rust open their own sockets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

_CALL = re.compile(r"\b(?:connect|sendto|sendmsg|sendmmsg)\((?P<arguments>.*)")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_RESOLVER = re.compile(r'sun_path="([^"]*(?:resolve|nscd)[^"]*)"')
_DNS = 53


def why_not() -> str:
    """Why no command can be watched here; empty if it can be."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-f", "true"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"strace may not trace: {tried.stderr.strip()[-200:]}"


def contacted(trace: str) -> list[str]:
    """What of a trace leaves this machine, or asks a resolver: addresses and sockets, sorted."""
    found = set()
    for call in _CALL.finditer(trace):
        arguments = call["arguments"]
        port = _PORT.search(arguments)
        for match in _ADDRESS.finditer(arguments):
            address = ip_address(match[1] or match[2])
            # A resolver often listens on the loopback interface, and asks others.
            if port and (not address.is_loopback or int(port[1]) == _DNS):
                found.add(f"{address} port {port[1]}")
        found |= {match[1] for match in _RESOLVER.finditer(arguments)}
    return sorted(found)


def watch(
    arguments: list[str],
    cwd: Path,
    trace: Path,
    stdin: str = "",
    env: dict[str, str] | None = None,
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run ``python ARGUMENTS``; how it ended, and what it contacted."""
    strace = ["strace", "-f", "-qq", "-s", "200", "-e", "trace=network", "-o", str(trace)]
    done = subprocess.run(
        [*strace, sys.executable, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=240,
    )
    return done, contacted(trace.read_text(encoding="utf-8", errors="replace"))
