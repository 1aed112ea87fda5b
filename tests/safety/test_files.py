"""What a spec can read: itself and what lies beside or below it, regular files only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.errors import SpecError
from archdsl.pipeline import check
from tests.safety.confined import ROOT, archdsl

SECRET = "SECRET-TOKEN-12345"
NET = "network Net(x: [N, 4]) { x -> linear(2) }\n"


def importing(path: str) -> str:
    return f'import "{path}" (b)\nnetwork Net(x: [N, 4]) {{ x -> b }}\n'


def refusal(folder: Path, path: str) -> str:
    (folder / "net.arch").write_text(importing(path), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check(folder / "net.arch")
    assert {d.code for d in caught.value.diagnostics} == {"import-path"}
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of specs below one that holds a secret."""
    (tmp_path / "secret.arch").write_text(f"block b(x) {{ x -> relu }}  # {SECRET}\n", encoding="utf-8")
    folder = tmp_path / "specs"
    (folder / "parts").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("path", ["../secret.arch", "parts/../../secret.arch", "./../secret.arch", "parts/.."])
def test_an_import_cannot_climb(folder: Path, path: str) -> None:
    assert SECRET not in refusal(folder, path)


@pytest.mark.parametrize("path", ["/etc/hostname", "http://localhost/b.arch", "file:///etc/hostname", "//host/share"])
def test_an_import_is_a_relative_path(folder: Path, path: str) -> None:
    assert path in refusal(folder, path)


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "link.arch").symlink_to("../secret.arch")
    assert SECRET not in refusal(folder, "link.arch")


def test_a_folder_that_is_a_link_out_is_refused(folder: Path) -> None:
    (folder / "up").symlink_to("..")
    assert SECRET not in refusal(folder, "up/secret.arch")


def test_a_link_that_stays_in_the_folder_is_followed(folder: Path) -> None:
    (folder / "parts" / "b.arch").write_text("block b(x) { x -> relu }\n", encoding="utf-8")
    (folder / "link.arch").symlink_to("parts/b.arch")
    (folder / "net.arch").write_text(importing("link.arch"), encoding="utf-8")
    assert len(check(folder / "net.arch")) == 1


def test_an_import_of_an_import_stays_below_its_own_file(folder: Path) -> None:
    (folder / "b.arch").write_text("block c(x) { x -> relu }\n", encoding="utf-8")
    (folder / "parts" / "b.arch").write_text('import "../b.arch" (c)\nblock b(x) { x -> c }\n', encoding="utf-8")
    assert "`../b.arch` leaves the directory" in refusal(folder, "parts/b.arch")


@pytest.mark.parametrize("kind", ["fifo", "directory", "device", "missing", "loop"])
def test_what_is_no_regular_file_is_not_imported(folder: Path, kind: str) -> None:
    other = folder / "other.arch"
    if kind == "fifo":
        os.mkfifo(other)
    elif kind == "directory":
        other.mkdir()
    elif kind == "loop":
        other.symlink_to("other.arch")
    elif kind == "device":
        try:
            os.mknod(other, 0o600 | 0o020000, os.makedev(1, 5))  # what /dev/zero is
        except PermissionError:
            pytest.skip("needs root, who makes devices")
    (folder / "net.arch").write_text(importing("other.arch"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check(folder / "net.arch")
    assert {d.code for d in caught.value.diagnostics} <= {"import-missing", "import-path"}


def test_a_cycle_names_its_files(folder: Path) -> None:
    (folder / "net.arch").write_text(importing("b.arch"), encoding="utf-8")
    (folder / "b.arch").write_text('import "c.arch" (c)\nblock b(x) { x -> c }\n', encoding="utf-8")
    (folder / "c.arch").write_text('import "b.arch" (b)\nblock c(x) { x -> relu }\n', encoding="utf-8")
    with pytest.raises(SpecError, match=r"b\.arch -> c\.arch -> b\.arch"):
        check(folder / "net.arch")


def test_a_broken_import_shows_one_line_of_it(folder: Path) -> None:
    lines = ["block b(x) { x -> relu", *(f"# {SECRET}-{i}" for i in range(50))]
    (folder / "b.arch").write_text("\n".join(lines), encoding="utf-8")
    (folder / "net.arch").write_text(importing("b.arch"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check(folder / "net.arch")
    assert str(caught.value).count(SECRET) <= 1


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", ".", "nowhere.arch"])
def test_the_spec_itself_is_a_regular_file(tmp_path: Path, path: str) -> None:
    ended = archdsl("check", path, cwd=tmp_path)
    assert ended.status == 2
    assert path in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, who becomes someone else")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text(NET, encoding="utf-8")
    spec.chmod(0)
    tmp_path.chmod(0o755)
    code = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\nfrom pathlib import Path\n"
        "from archdsl.errors import SpecError\nfrom archdsl.read import read\nos.setuid(65534)\n"
        f"try: read(Path({str(spec)!r}))\nexcept SpecError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "permission denied" in done.stdout
