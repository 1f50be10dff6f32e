"""Makes the pictures in this folder from the sample: ``python docs/screenshots.py``."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from coder.__main__ import run as coder
from coder.cli.screen.app import ReviewApp
from coder.queues import Order
from coder.review import ReviewSession
from coder.store import Run

HERE = Path(__file__).parent
SIZE = (140, 40)


def without_downloads(svg: str) -> str:
    """A picture must not fetch fonts from anywhere; the viewer's own monospace will do."""
    return re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "monospace")


async def screens(run: Run) -> None:
    session = ReviewSession(run, "ann", Order.RANDOM)
    app = ReviewApp(session)
    async with app.run_test(size=SIZE) as pilot:
        for name, keys in {"review": [], "review-find": ["slash", *"memory"]}.items():
            await pilot.press(*keys)
            await pilot.pause()
            svg = without_downloads(app.export_screenshot(title="coder review demo"))
            (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        assert coder(["demo"]) == 0
        asyncio.run(screens(Run.open(Path(folder) / "runs", "demo")))


if __name__ == "__main__":
    main()
