"""The server of `archdsl serve`, asked as a browser asks, and as an attacker would."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archdsl.serving.editor import open_in_editor
from archdsl.serving.followed import FollowedSpec, follow
from archdsl.serving.server import PageServer

SPEC = "network Net(x: [N, 8], width = 4) {\n    x -> stem: linear(width) -> relu -> head: linear(2)\n}\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[PageServer, Path]]:
    spec = tmp_path / "net.arch"
    spec.write_text(SPEC, encoding="utf-8")
    server = PageServer(FollowedSpec(str(spec), {}, {}), 0, lambda file, line: f"editor:{file}:{line}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server, spec
    server.shutdown()
    server.server_close()


def ask(
    server: PageServer, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else body if isinstance(body, str) else json.dumps(body)
    connection.request(method, f"/{server.token if token is None else token}/{path}", data, sent)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_the_page_is_the_one_that_draw_writes(served: tuple[PageServer, Path]) -> None:
    import archdsl

    server, spec = served
    page = spec.with_suffix(".html")
    archdsl.load(spec).draw(page)
    assert ask(server, "GET", "page") == (200, page.read_text(encoding="utf-8"))
    assert ask(server, "GET", "")[0] == 200


@pytest.mark.parametrize(
    ("path", "token", "headers"),
    [
        ("page", "", {}),
        ("page", "wrong", {}),
        ("page", None, {"Host": "evil.example"}),
        ("page", None, {"Host": "evil.example:80"}),
        ("page", None, {"Origin": "https://evil.example"}),
    ],
)
def test_who_has_not_the_token_or_comes_from_elsewhere_is_refused(
    path: str, token: str | None, headers: dict[str, str], served: tuple[PageServer, Path]
) -> None:
    status, said = ask(served[0], "GET", path, token=token, **headers)
    assert status == 403
    assert "Net" not in said


@pytest.mark.parametrize("path", ["../net.arch", "shell.html", "%2e%2e/net.arch", "nothing", "page/x"])
def test_no_file_is_served_but_the_page_and_its_shell(path: str, served: tuple[PageServer, Path]) -> None:
    assert ask(served[0], "GET", path)[0] == 404


def test_it_listens_on_this_machine_alone(served: tuple[PageServer, Path]) -> None:
    assert served[0].server_address[0] == "127.0.0.1"


def test_a_broken_spec_leaves_the_page_and_says_what_is_wrong(served: tuple[PageServer, Path]) -> None:
    server, spec = served
    before = server.spec.html
    spec.write_text(SPEC.replace("relu", "rleu"), encoding="utf-8")
    assert server.spec.changed()
    server.spec.build()
    [fault] = server.spec.state.faults
    assert (server.spec.html, fault.line) == (before, 2)
    assert "did you mean `relu`" in fault.text
    spec.write_text(SPEC, encoding="utf-8")
    server.spec.build()
    assert server.spec.state.faults == ()
    assert server.spec.state.page == 2


def test_a_spec_that_is_broken_from_the_start_is_served_when_it_is_right(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("network {", encoding="utf-8")
    followed = FollowedSpec(str(spec), {}, {})
    assert (followed.state.page, len(followed.state.faults)) == (0, 1)
    spec.write_text(SPEC, encoding="utf-8")
    assert followed.changed()
    followed.build()
    assert (followed.state.page, followed.state.title) == (1, "Net")


def test_imported_files_are_followed_too(tmp_path: Path) -> None:
    blocks, spec = tmp_path / "blocks.arch", tmp_path / "net.arch"
    blocks.write_text("block half(x: [N, C]) { x -> linear(C // 2) }\n", encoding="utf-8")
    spec.write_text('import "blocks.arch" (half)\nnetwork Net(x: [N, 8]) { x -> half }\n', encoding="utf-8")
    followed = FollowedSpec(str(spec), {}, {})
    assert not followed.changed()
    blocks.write_text("block half(x: [N, C]) { x -> linear(C // 2) -> relu }\n", encoding="utf-8")
    assert followed.changed()


def test_a_setting_is_changed_from_the_page(served: tuple[PageServer, Path]) -> None:
    server, _ = served
    assert server.spec.state.settings == ({"name": "width", "value": 4},)
    assert ask(server, "POST", "setting", {"name": "width", "value": 6})[0] == 200
    assert server.spec.state.settings == ({"name": "width", "value": 6},)
    assert ask(server, "POST", "setting", {"name": "depth", "value": 6})[0] == 400
    assert ask(server, "POST", "setting", {"name": "width", "value": -1})[0] == 200  # the spec says what is wrong
    assert len(server.spec.state.faults) == 1
    assert server.spec.state.settings == ({"name": "width", "value": 6},)


def test_a_line_of_the_spec_is_opened_and_no_other_file(served: tuple[PageServer, Path]) -> None:
    server, spec = served
    status, said = ask(server, "POST", "open", {"file": str(spec), "line": 2})
    assert (status, json.loads(said)) == (200, {"address": f"editor:{spec}:2"})
    assert ask(server, "POST", "open", {"file": spec.name, "line": 2})[1] == said  # as the page calls it
    assert ask(server, "POST", "open", {"file": "/etc/passwd", "line": 1})[0] == 400


@pytest.mark.parametrize("body", ["", "{", "[]", "x" * 20_000, '{"name": 3, "value": 1}'])
def test_what_is_no_request_is_refused(body: str, served: tuple[PageServer, Path]) -> None:
    assert ask(served[0], "POST", "setting", body)[0] in (400, 404)


def test_a_thousand_saves_in_a_row_end_with_the_last_one(served: tuple[PageServer, Path]) -> None:
    """While the file is followed as by the command: what is saved in the middle of a page is not missed."""
    server, spec = served
    stop = threading.Event()
    following = threading.Thread(target=follow, args=(server.spec, stop, 0.0))
    following.start()
    for width in range(1, 1001):
        spec.write_text(SPEC.replace("width = 4", f"width = {width}"), encoding="utf-8")
    state = server.spec.state
    while state.settings != ({"name": "width", "value": 1000},):
        later = server.spec.wait(state.version, 60)
        assert later.version != state.version
        state = later
    stop.set()
    following.join()
    assert state.faults == ()
    assert threading.active_count() < 20


def test_events_tell_of_every_state(served: tuple[PageServer, Path]) -> None:
    server, _ = served
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request("GET", f"/{server.token}/events")
    stream = connection.getresponse()
    first = json.loads(stream.readline().removeprefix(b"data: "))
    stream.readline()
    server.spec.choose("width", 5)
    second = json.loads(stream.readline().removeprefix(b"data: "))
    assert (first["page"], second["page"], second["settings"]) == (1, 2, [{"name": "width", "value": 5}])
    connection.close()


def test_two_tabs_are_told_the_same(served: tuple[PageServer, Path]) -> None:
    server, _ = served
    tabs = []
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request("GET", f"/{server.token}/events")
        tabs.append((connection, connection.getresponse()))
    for _, stream in tabs:
        stream.readline(), stream.readline()
    server.spec.choose("width", 7)
    said = [stream.readline() for _, stream in tabs]
    assert said[0] == said[1]
    assert json.loads(said[0].removeprefix(b"data: "))["settings"] == [{"name": "width", "value": 7}]
    for connection, _ in tabs:
        connection.close()


@pytest.mark.parametrize(
    ("editor", "address"),
    [("vscode", "vscode://file/a%20b/net.arch:3"), ("pycharm", "pycharm://open?file=/a%20b/net.arch&line=3")],
)
def test_an_editor_with_addresses_is_gone_to(editor: str, address: str) -> None:
    assert open_in_editor(editor, "/a b/net.arch", 3) == address
