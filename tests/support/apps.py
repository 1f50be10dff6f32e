"""Full-screen apps played in the test's own process: keys in, what the panes hold out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

A = TypeVar("A", bound=App[None])


def play_app(
    app: A,
    scene: Callable[[Pilot[None], A], Coroutine[Any, Any, None]],
    size: tuple[int, int] = (80, 24),
) -> A:
    """Run ``scene`` on the app once it is drawn, and end it."""

    async def run_scene() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scene(pilot, app)

    asyncio.run(run_scene())
    return app


def text(app: App[None], pane: str) -> str:
    return str(app.query_one(f"#{pane}", Static).content)
