"""A real Chromium for tests, spoken to over a pipe (DevTools protocol), with no port and no client.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Colour = tuple[int, int, int]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page of a browser, and all that it complained about or asked the network for.

    ``errors`` holds console messages, what the page's policy blocked, and uncaught exceptions;
    ``requests`` every address that was asked for, ``dialogs`` what was said in alerts.
    """

    def __init__(self, send: int, receive: int) -> None:
        self._send = os.fdopen(send, "wb", buffering=0)
        self._receive = os.fdopen(receive, "rb")
        self._number = 0
        self._session = ""
        self._loaded = False
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, page: Path) -> None:
        self.errors, self.requests, self.dialogs = [], [], []
        self._loaded = False
        self.call("Page.navigate", url=page.as_uri())
        while not self._loaded:
            self._read()

    def run(self, script: str) -> Any:
        """The value of an expression in the page; an exception there is one here."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str, code: str = "", text: str = "") -> None:
        """Press a key as a person would: it goes to whatever has the focus."""
        more = {"text": text} if text else {}
        numbers = {"Enter": 13, "Tab": 9, " ": 32}
        more |= {"windowsVirtualKeyCode": numbers[key]} if key in numbers else {}
        kind = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key, **more)

    def size(self, width: int, height: int = 900, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file: Path) -> None:
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def colour(self, x: float, y: float) -> Colour:
        """The colour of one point of the screen."""
        clip = {"x": round(x), "y": round(y), "width": 1, "height": 1, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip)
        png, at, packed = base64.b64decode(shot["data"]), 8, b""
        while at < len(png):
            end = at + 8 + int.from_bytes(png[at : at + 4], "big")
            if png[at + 4 : at + 8] == b"IDAT":
                packed += png[at + 8 : end]
            at = end + 4
        _filter, red, green, blue = zlib.decompress(packed)[:4]
        return red, green, blue

    def print(self, file: Path) -> None:
        """The page as it prints."""
        made = self.call("Page.printToPDF", printBackground=False, paperWidth=8.27,
                         paperHeight=11.69)  # fmt: skip
        file.write_bytes(base64.b64decode(made["data"]))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._send.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _read(self) -> dict[str, Any]:
        found = bytearray()
        while (byte := self._receive.read(1)) != b"\0":
            assert byte, "the browser has gone"
            found += byte
        message: dict[str, Any] = json.loads(found)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled":
            self.errors.append(json.dumps(told["args"]))
        elif event == "Log.entryAdded":
            self.errors.append(told["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Page.javascriptDialogOpening":
            self.dialogs.append(told["message"])
            # Nobody waits for the answer of this one.
            closing = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True},
                       "sessionId": self._session}  # fmt: skip
            self._send.write(json.dumps(closing).encode() + b"\0")


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Chromium with a new profile in ``profile``, ended at the end."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    assert program, "the tests need a Chromium browser"
    told, send = os.pipe()
    receive, tell = os.pipe()
    # Chromium reads from descriptor 3 and writes to 4.
    shell = 'told=$1 tell=$2; shift 2; eval "exec \\"\\$@\\" 3<&$told 4>&$tell"'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", str(told), str(tell), program, *FLAGS,
         f"--user-data-dir={profile}"],
        pass_fds=(told, tell), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(told)
    os.close(tell)
    try:
        page = Browser(send, receive)
        try:
            yield page
        finally:
            page._session = ""
            with suppress(AssertionError, OSError):
                page.call("Browser.close")
            page._send.close()
            page._receive.close()
    finally:
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
