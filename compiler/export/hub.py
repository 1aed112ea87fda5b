"""A folder for a model hub: the spec in `config.json`, the weights in `model.safetensors`, a card in `README.md`."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.embedded import CONFIG, KEY
from archdsl.errors import SpecError
from archdsl.extras import not_installed
from archdsl.write import write_atomically
from compiler.export import tensors
from compiler.export.formats import Export

WEIGHTS: Final = "model.safetensors"
ON_THE_HUB: Final = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?", re.ASCII)
WRITTEN: Final = "`archdsl compile SPEC -o FOLDER` writes one"
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LocalEntryNotFoundError": "no model of this name was fetched before, and the Hub cannot be asked now",
        "RepositoryNotFoundError": "the Hub has no model of this name, or none that you may read",
        "RevisionNotFoundError": "the Hub has not this revision of it",
        "GatedRepoError": "the Hub gives the model of this name to those alone who asked for it",
        "HFValidationError": "that is no name on the Hub either, which is `user/model`",
    }
)
"""Why nothing was fetched, by the name of the Hub library's error."""
CARD: Final = """\
---
library_name: archdsl
tags: [archdsl, pytorch]
---

# {name}

A network written in [archdsl](https://pypi.org/project/archdsl/). The spec is in `config.json`:
`archdsl report .` and `archdsl draw . -o net.svg` read it from this folder.

```python
import archdsl

model = archdsl.from_pretrained("{folder}")
```
"""


def save(what: Export, folder: Path) -> None:
    """Write the folder whole: beside its place first, then in it. One that holds something else is left alone.

    Raises `OSError` where it cannot write, or would overwrite a folder that is no such export.
    """
    folder = Path(os.path.realpath(folder))
    check_folder(folder)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:64]}.archdsl-"))
    try:
        name = str(what.document["network"])
        config = {"library_name": "archdsl", "architectures": [what.assembly.name], KEY: what.document}
        write_atomically(made / WEIGHTS, tensors.render(what))
        write_atomically(made / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
        write_atomically(made / "README.md", CARD.format(name=name, folder=folder.name).encode())
        made.chmod(0o755)
        _replace(folder, made)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def check_folder(folder: Path) -> None:
    """Raise `OSError` where a folder holds something else, or is a file."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file, and an export without a suffix is a folder", str(folder))
    if folder.exists() and not (folder / CONFIG).is_file() and any(folder.iterdir()):
        raise FileExistsError(errno.EEXIST, "the folder holds other files", str(folder))


def _replace(folder: Path, made: Path) -> None:
    """Put a folder in the place of another, or of none."""
    if not folder.exists():
        os.rename(made, folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:64]}.archdsl-"))
    os.replace(folder, old)  # an empty folder may be replaced
    try:
        os.rename(made, folder)
    except BaseException:
        os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def folder_of(name: str, **options: Any) -> Path:
    """The folder of a model: a folder that is there, or one of that kind on the Hub (the extra `hub`), fetched if it is
    not there yet.

    `options` are those of `huggingface_hub.snapshot_download`. Raises `SpecError` where there is no such model,
    `ImportError` where the extra is not installed.
    """
    place = Path(name)
    folder = place if place.is_dir() else _fetched(name, options)
    if not (folder / CONFIG).is_file():
        help = "an export into a folder writes one; weights alone go with a spec: `net.compile(weights=…)`"
        raise _error("no-spec-inside", f"`{name}` has no {CONFIG} with a spec", name, help)
    return folder


def _fetched(name: str, options: Mapping[str, Any]) -> Path:
    place = Path(name)
    if place.exists():
        help = "its folder is meant, or `net.compile(weights=…)`, which takes a file"
        raise _error("unreadable-file", f"`{name}` is a file, and a model is a folder", name, help)
    if not ON_THE_HUB.fullmatch(name):
        raise _no_folder(place, "that is no name on the Hub either, which is `user/model`")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise not_installed(f"`{name}` is no folder here, and a model of the Hub", error.name) from None
    try:
        return Path(snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS], **options))
    except (OSError, ValueError) as error:  # all that it raises are one or the other
        kind = type(error).__name__
        raise _no_folder(place, REASONS.get(kind) or " ".join(str(error).split())[:160] or kind) from None


def _no_folder(place: Path, reason: str) -> SpecError:
    """That there is no such folder, with one beside it whose name is alike."""
    with suppress(OSError):
        beside = [one.name for one in place.parent.iterdir() if (one / CONFIG).is_file()]
        alike = did_you_mean(place.name, beside)
        return _error("unreadable-file", f"there is no folder `{place}`; {reason}", str(place), alike or WRITTEN)
    return _error("unreadable-file", f"there is no folder `{place}`; {reason}", str(place), WRITTEN)


def _error(code: str, message: str, place: str, help: str) -> SpecError:
    return SpecError([Diagnostic(code, message, place=place, help=help)])
