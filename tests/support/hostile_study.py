"""A study folder made by somebody who wants to run code on the machine of whoever opens it.

Everything in it that could run touches ``canary``.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ISSUES = [
    {"id": "a/b#1", "title": "Cat food is red", "body": "My cat eats it all the same."},
    {"id": "a/b#2", "title": "Dog lead", "body": "It broke. The dog ran away."},
]
CODEBOOK = """\
id: pets
name: Pets
codes:
  - {id: cat, name: Cat, definition: Cats of any kind.}
  - {id: dog, name: Dog, definition: Dogs and their leads.}
"""
SHADOWED = (
    "__future__", "json", "click", "pydantic", "numpy", "chromadb", "langchain", "openai", "rich",
    "webbrowser", "sitecustomize", "usercustomize", "langchain_evil", "evil",
)  # fmt: skip
"""Modules that are imported, or might be, and that the folder has under the same name."""
TEMPLATE = (
    "{% macro system() %}EXPR{% endmacro %}"
    "{% macro user() %}{{ nonce }}{% endmacro %}{% macro repair() %}{% endmacro %}"
)


class HostileStudy:
    """``root`` is the folder, with a run ``first`` that was proposed honestly."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.canary = root.parent / "canary"
        self.outside = root.parent / "outside"
        self.outside.mkdir()
        self.code = f"open({str(self.canary)!r}, 'a').close()\n"
        root.mkdir()
        self.settings("")
        self.write("issues.jsonl", "".join(json.dumps(row) + "\n" for row in ISSUES))
        self.write("codebook/pets.yaml", CODEBOOK)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def settings(self, toml: str) -> None:
        self.write("study.toml", f'codebook = "pets"\n{toml}\n')

    def plant_everywhere(self) -> None:
        """What needs no setting: modules, plugins, a repository, files that libraries look for."""
        evil = f"{self.code}class E:\n    def __init__(self, *_, **__):\n        {self.code}"
        for name in SHADOWED:
            self.write(f"{name}.py", evil)
        self.write("tiktoken_ext/evil.py", self.code)
        # pydantic imports its plugins by the entry points of what is installed.
        self.write("evil-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
        self.write("evil-1.dist-info/entry_points.txt", "[pydantic]\nevil = evil:E\n")
        self.write(
            ".env",
            "CHROMA_API_IMPL=evil.E\nCHROMA_SERVER_HOST=198.51.100.7\nCHROMA_SYSDB_IMPL=evil.E\n"
            "CHROMA_SERVER_HTTP_PORT=none\nHTTP_PROXY=http://198.51.100.7:8080\n"
            "ALL_PROXY=socks5://198.51.100.7\nSSL_CERT_FILE=/dev/null\nPYTHONPATH=.\n"
            f"PYTHONSTARTUP={self.root / 'evil.py'}\nLANGSMITH_TRACING=true\nLD_PRELOAD=evil.so\n"
            f"EDITOR=touch {self.canary}\nBROWSER=touch {self.canary} %s\n",
        )
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        for setting in ("core.fsmonitor", "filter.evil.clean", "core.sshCommand", "core.pager"):
            value = f"touch {self.canary}"
            subprocess.run(["git", "-C", str(self.root), "config", setting, value], check=True)
        self.write(".gitattributes", "* filter=evil\n")
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "core.fsmonitor=false"]
        subprocess.run(
            ["git", "-C", str(self.root), *identity, "commit", "-q", "--allow-empty", "-m", "x"],
            check=True,
        )
        self.canary.unlink(missing_ok=True)
