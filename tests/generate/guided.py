"""Texts that atheris changes so that they reach new code: `python -m tests.generate.guided arch|yaml OPTIONS`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["archdsl.syntax", "archdsl.elaborate", "archdsl.resolve", "archdsl.program"]):
    from archdsl.pipeline import convert_source
    from archdsl.source import Source
    from tests.generate.texts import is_read_or_refused

SPECS = Path(__file__).resolve().parent.parent.parent / "specs"


def main() -> None:
    """Fuzz one form, beginning with the specs that ship."""
    name = f"a.{sys.argv.pop(1)}"

    def case(data: bytes) -> None:
        is_read_or_refused(data.decode("utf-8", "replace"), name)

    with tempfile.TemporaryDirectory() as corpus:
        for path in SPECS.glob("*.arch"):
            text = path.read_text(encoding="utf-8")
            if name.endswith(".yaml"):
                text = convert_source(Source(path.name, text), "yaml")
            (Path(corpus) / path.stem).write_text(text, encoding="utf-8")
        atheris.Setup(
            [*sys.argv, corpus, "-max_len=4096", "-timeout=20", f"-artifact_prefix={tempfile.gettempdir()}/"], case
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
