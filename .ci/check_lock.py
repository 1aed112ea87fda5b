"""Checks that constraints.txt pins what pyproject.toml asks for, and what is installed here."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pins = {canonicalize_name(name): pin for name, _, pin in (line.partition("==") for line in lines)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(r) for r in project["dependencies"]]
    for extra in extras.values():
        wanted += [Requirement(r) for r in extra]
    used = {"test", *(e for r in extras["test"] if "archdsl" in r for e in Requirement(r).extras)}
    elsewhere = {canonicalize_name(Requirement(r).name) for name in extras.keys() - used for r in extras[name]}
    faults = []
    seen = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name == "archdsl" or (name, str(requirement)) in seen:
            continue
        seen.add((name, str(requirement)))
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if name not in pins:
            faults.append(f"{name} is not pinned")
            continue
        if not requirement.specifier.contains(pins[name], prereleases=True):
            faults.append(f"{requirement} does not admit the pin {pins[name]}")
        try:
            installed = version(name)
        except PackageNotFoundError:
            if name not in elsewhere:  # an extra that the tests do without
                faults.append(f"{name} is pinned but not installed")
            continue
        if installed.split("+")[0] != pins[name]:
            faults.append(f"{name} {installed} is installed, but {pins[name]} is pinned")
        wanted += [Requirement(r) for r in requires(name) or ()]
    for fault in faults:
        print(f"constraints.txt: {fault}; `make lock` writes it anew", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
