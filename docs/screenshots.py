"""Makes the pictures in this folder from the sample: ``python docs/screenshots.py [FOLDER]``."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coder.__main__ import run as coder
from coder.cli.screen.review import ReviewApp
from coder.review.queues import Order
from coder.review.session import ReviewSession
from coder.storage.blinding import Shares
from coder.storage.run import Run

HERE = Path(__file__).parent
SIZE = (140, 40)


@dataclass(frozen=True)
class Scene:
    """The keys that lead to each picture, one after the other, in one session of a rater."""

    rater: str
    pictures: dict[str, list[str]]
    size: tuple[int, int] = SIZE
    blind: float = 0.0


SCENES = (
    Scene("ann", {"review": [], "review-find": ["slash", *"memory"]}),
    Scene("ann", {"review-help": ["question_mark"], "review-change": ["escape", "c"]}),
    Scene("ann", {"review-80x24": []}, (80, 24)),
    Scene("bea", {"review-blind": ["6"], "review-reveal": ["1"]}, blind=1),
    Scene("cem", {"review-blind-80x24": [], "review-reveal-80x24": ["6", "1"]}, (80, 24),
          blind=1),
)  # fmt: skip


def without_downloads(svg: str) -> str:
    """A picture must not fetch fonts from anywhere; the viewer's own monospace will do."""
    return re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "monospace")


async def take(scene: Scene, run: Run, folder: Path) -> None:
    session = ReviewSession(run, scene.rater, Order.RANDOM, shares=Shares(blind=scene.blind))
    app = ReviewApp(session)
    async with app.run_test(size=scene.size) as pilot:
        for name, keys in scene.pictures.items():
            await pilot.press(*keys)
            await pilot.pause()
            svg = without_downloads(app.export_screenshot(title="coder review demo"))
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as study:
        os.chdir(study)
        os.environ.pop("NO_COLOR", None)
        os.environ["COLORTERM"] = "truecolor"
        assert coder(["demo"]) == 0
        run = Run.open(Path(study) / "runs", "demo")
        for scene in SCENES:
            asyncio.run(take(scene, run, folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE)
