"""Builds the package and uses it as people will: from a wheel, outside the checkout, without torch and with it.

    python .ci/check_package.py

Needs a network, or whatever pip installs from. Says what is wrong and ends with 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 120_000_000  # bytes of a plain install
WHOLE = {  # of what is not code, in the source distribution
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "docs/images/residual.svg",
    "docs/language.md",
    "examples/first_network.ipynb",
    "specs/resnet.arch",
    "viz/fonts/LiberationSans-LICENSE.txt",
    "viz/html/vendor/elkjs/LICENSE.md",
}
PLAIN = [  # commands that need no torch
    ["check", "small.arch"],
    ["report", "small.arch", "--time", "a100"],
    ["lint", "resnet18"],
    ["draw", "resnet18", "-o", "resnet18.svg"],
    ["draw", "resnet18", "-o", "resnet18.html"],
    ["draw", "small.arch", "-o", "small.png"],
    ["diff", "resnet18", "resnet34"],
    ["fit", "lenet5", "--memory", "1GiB"],
    ["zoo"],
]
SPEC = (
    "network Small(image: [N, 3, 32, 32]) { image -> conv(8, 3) -> relu -> global_avg_pool -> flatten -> linear(10) }\n"
)


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, quiet=True)
        [wheel] = (folder / "dist").glob("*.whl")
        [source] = (folder / "dist").glob("*.tar.gz")
        run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)
        faults = [f"{source.name} lacks {name}" for name in sorted(WHOLE - held(source))]
        faults += [f"the description links to `{link}`" for link in relative_links(wheel)]
        python = installed(folder / "venv", wheel)
        size = sum(file.stat().st_size for file in added(folder / "venv"))
        print(f"a plain install has {size / 1e6:.0f} MB")
        if size > LARGEST:
            faults.append(f"a plain install has {size:,} bytes, more than {LARGEST:,}")
        work = folder / "work"
        work.mkdir()
        (work / "small.arch").write_text(SPEC, encoding="utf-8")
        for command in PLAIN:
            run(python, "-m", "archdsl", *command, cwd=work, quiet=True)
        said = subprocess.run(
            [python, "-m", "archdsl", "compile", "lenet5"], cwd=work, capture_output=True, text=True, check=False
        )
        if said.returncode != 2 or not said.stderr.endswith("pip install 'archdsl[torch]'\n"):
            faults.append(f"`compile` does not say what to install: {said.stderr}")
        lend_torch(folder / "venv")
        run(python, "-m", "archdsl", "compile", "lenet5", "-o", "lenet5.safetensors", cwd=work, quiet=True)
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


def run(*command: object, cwd: Path = ROOT, quiet: bool = False) -> None:
    words = [str(word) for word in command]
    print("$", *words, flush=True)
    done = subprocess.run(
        words,
        cwd=cwd,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        check=False,
    )
    if done.returncode:
        sys.stdout.buffer.write(done.stdout or b"")
        sys.exit(f"error: {' '.join(words)} ended with {done.returncode}")


def held(source: Path) -> set[str]:
    """The files of a source distribution, without the folder that they lie in."""
    with tarfile.open(source) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def relative_links(wheel: Path) -> list[str]:
    """Links of the description that would lead nowhere on a package index."""
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata).decode()
    return re.findall(r'(?:\]\(|src=")(?!https?:|#)([^)"]*)', text)


def installed(home: Path, wheel: Path) -> Path:
    """The Python of a new environment with the wheel and what it needs."""
    venv.create(home, with_pip=True)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
    return python


def packages(home: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))


def added(home: Path) -> list[Path]:
    """The files that the install brought; pip was there before."""
    found = [file for file in packages(home).rglob("*") if file.is_file()]
    return [file for file in found if not file.relative_to(packages(home)).parts[0].startswith("pip")]


def lend_torch(home: Path) -> None:
    """Let the environment import what this one has, but for archdsl, of which an editable install is only a pointer."""
    (packages(home) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
