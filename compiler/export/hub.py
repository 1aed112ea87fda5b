"""A folder for a model hub: the spec in `config.json`, the weights in `model.safetensors`, a card in `README.md`."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from archdsl.embedded import CONFIG, KEY
from archdsl.extras import not_installed
from archdsl.write import write_atomically
from compiler.export import tensors
from compiler.export.formats import Export

WEIGHTS: Final = "model.safetensors"
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


def fetch(name: str, **options: Any) -> Path:
    """The folder of a model on the Hub, fetched if it is not there yet: needs the extra `hub`.

    `options` are those of `huggingface_hub.snapshot_download`. Raises what that raises.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise not_installed("a model of the Hub", error.name) from None
    return Path(snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS], **options))
