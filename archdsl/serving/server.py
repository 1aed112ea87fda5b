"""The server: on this machine alone, for who knows its token."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from archdsl.serving.followed import FollowedSpec, PageState

HERE: Final = Path(__file__).resolve().parent
HEARTBEAT: Final = 15.0  # seconds without an event, after which a browser is told that the server lives
LARGEST: Final = 10_000  # bytes of a request
SHELL: Final = {
    "": ("shell.html", "text/html"),
    "shell.js": ("shell.js", "text/javascript"),
    "shell.css": ("shell.css", "text/css"),
}
# The page within brings a policy of its own; the shell around it loads from here alone.
PARTS: Final = ("script", "style", "connect", "frame")
POLICY: Final = "; ".join(("default-src 'none'", *(f"{part}-src 'self'" for part in PARTS)))


class PageServer(ThreadingHTTPServer):
    """Serves the page of a spec at `address`. `opened` opens a file at a line, and may name an address to go to."""

    daemon_threads = True

    def __init__(self, spec: FollowedSpec, port: int, opened: Callable[[str, int], str | None]) -> None:
        self.spec = spec
        self.token = secrets.token_urlsafe(16)
        self.opened = opened
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """What a request may call this server: no other name leads here by accident."""
        return frozenset(f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost"))

    def server_close(self) -> None:
        self.closing.set()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        if path in SHELL:
            name, kind = SHELL[path]
            self._send(
                (HERE / name).read_bytes(),
                f"{kind}; charset=utf-8",
                {"Content-Security-Policy": POLICY},
            )
        elif path == "page":
            self._send(self.server.spec.html, "text/html; charset=utf-8")
        elif path == "events":
            self._events()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        asked = self._asked()
        if asked is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is no request of the page")
        elif path == "setting" and isinstance(asked.get("name"), str) and "value" in asked:
            self._choose(asked["name"], asked["value"])
        elif path == "open" and isinstance(asked.get("line"), int):
            self._open(str(asked.get("file")), asked["line"])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing to do here")

    def _choose(self, name: str, value: Any) -> None:
        try:
            self.server.spec.choose(name, value)
        except KeyError:
            self._refuse(HTTPStatus.BAD_REQUEST, "there is no such setting")
        else:
            self._send(b"{}", "application/json")

    def _open(self, file: str, line: int) -> None:
        """Open a file of the spec, and no other; a page says its name alone."""
        known = next((one for one in sorted(self.server.spec.files) if file in (one, Path(one).name)), None)
        if known is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is no file of the spec")
            return
        try:
            address = self.server.opened(known, line)
        except OSError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"the editor cannot be started: {error.strerror}")
        else:
            self._send(json.dumps({"address": address}).encode(), "application/json")

    def _path(self) -> str | None:
        """The path behind the token; None where the request is refused."""
        origin = self.headers.get("Origin")
        known = self.headers.get("Host") in self.server.hosts
        mine = origin is None or origin.removeprefix("http://") in self.server.hosts
        token, _, path = self.path.lstrip("/").partition("?")[0].partition("/")
        if not known or not mine:
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers on this machine alone")
        elif not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the address has not the token that `archdsl serve` printed")
        else:
            return path
        return None

    def _asked(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            return None
        try:
            found = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _events(self) -> None:
        """Tell the browser of every new state, until it goes."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        said = -1
        try:
            while not self.server.closing.is_set():
                state = self.server.spec.wait(said, HEARTBEAT)
                text = _event(state) if state.version != said else ": still here\n\n"
                said = state.version
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:  # the browser has gone
            pass

    def _send(self, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store",
                            "X-Content-Type-Options": "nosniff", **(headers or {})}.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        body = why.encode()
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a terminal shows the address, and what is wrong with the spec."""


def _event(state: PageState) -> str:
    return f"data: {json.dumps(asdict(state))}\n\n"
