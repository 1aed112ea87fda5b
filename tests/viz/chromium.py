"""A real browser for tests: headless Chromium, driven over a pipe by its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

FRAME = "new Promise(done => requestAnimationFrame(done))"
# Where an element is once the page is at rest: nothing is being laid out, and a frame later it is where it was, covered
# by nothing but its siblings. Null until then.
AT_REST = """(async selector => {
    const box = () => document.querySelector(selector)?.getBoundingClientRect()
    const before = box()
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    const [now, element] = [box(), document.querySelector(selector)]
    if (document.querySelector("[aria-busy]") || !before || !now) return null
    if (["x", "y", "width", "height"].some(side => before[side] !== now[side])) return null
    const [x, y] = [now.x + now.width / 2, now.y + now.height / 2]
    return element.parentNode.contains(document.elementFromPoint(x, y)) ? [x, y] : null
})"""
PATIENCE = 60.0  # seconds, on a busy machine


class Chromium:
    """One browser with one tab. All that its pages ask the network for is in `requests`, what they log in `logged`."""

    def __init__(self, program: str, profile: Path, *, size: tuple[int, int] = (1280, 800)) -> None:
        from_us, to_them = os.pipe()
        from_them, to_us = os.pipe()
        options = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-extensions", "--hide-scrollbars",
            "--disable-features=IsolateSandboxedIframes",
            f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}", "about:blank",
        ]  # fmt: skip

        def as_three_and_four() -> None:
            # Out of the way first: where 3 or 4 is free, a copy there would be closed with the new program.
            one, other = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (from_us, to_us))
            os.dup2(one, 3)
            os.dup2(other, 4)

        self.process = subprocess.Popen(
            [program, *options], preexec_fn=as_three_and_four, close_fds=False, stderr=subprocess.DEVNULL
        )
        os.close(from_us)
        os.close(to_us)
        self._write, self._read = to_them, from_them
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.logged: list[str] = []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(*size)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("Chromium does not answer")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.logged.append(details.get("exception", {}).get("description", details["text"]))
        elif message.get("method") == "Log.entryAdded":
            self.logged.append(params["entry"]["text"])

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a file, and wait until it says that it is ready."""
        self.call("Page.navigate", url="about:blank")
        self.requests.clear()
        self.logged.clear()
        self.call("Page.navigate", url=page.as_uri() + (f"#{fragment}" if fragment else ""))
        self.wait("document.documentElement?.dataset.ready === 'true'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        self._true(lambda: self.evaluate(condition), condition)

    def _true(self, value: Callable[[], Any], condition: str) -> Any:
        """A value, asked for at every frame until it is true."""
        deadline = time.monotonic() + PATIENCE
        while not (found := value()):
            if self.logged or time.monotonic() > deadline:
                raise TimeoutError(f"never true: {condition}; logged: {self.logged}")
            self.evaluate(FRAME)
        return found

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key, as a reader does."""
        text = key if len(key) == 1 else {"Enter": "\r"}.get(key, "")
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9}
        code = codes.get(key) or (ord(key.upper()) if key.isalnum() else 0)
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Write into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def evaluate_in_frame(self, expression: str, number: int = 0) -> Any:
        """The value of an expression in a frame of the page, the innermost of those in it; None while it loads."""
        frame = self.call("Page.getFrameTree")["frameTree"]["childFrames"][number]
        while frame.get("childFrames"):
            [frame] = frame["childFrames"]
        try:
            world = self.call("Page.createIsolatedWorld", frameId=frame["frame"]["id"])["executionContextId"]
            answer = self.call("Runtime.evaluate", expression=expression, contextId=world, returnByValue=True)
        except RuntimeError:
            return None
        return answer["result"].get("value")

    def wait_in_frame(self, condition: str, number: int = 0) -> None:
        """Wait until an expression is true in a frame of the page."""
        self._true(lambda: self.evaluate_in_frame(condition, number), condition)

    def click(self, selector: str, *, times: int = 1) -> None:
        """Click in the middle of an element, once it has come to rest: what moves is missed."""
        x, y = self._true(lambda: self.evaluate(f"{AT_REST}({json.dumps(selector)})"), f"{selector} at rest")
        at: dict[str, Any] = {"x": x, "y": y, "button": "left"}
        for count in range(1, times + 1):
            self.call("Input.dispatchMouseEvent", type="mousePressed", clickCount=count, **at)
            self.call("Input.dispatchMouseEvent", type="mouseReleased", clickCount=count, **at)

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """Say that the system is set to "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def until(self, action: Callable[[], None], condition: str) -> None:
        action()
        self.wait(condition)
