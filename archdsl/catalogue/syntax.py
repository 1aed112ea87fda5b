"""Diagnostics of what is written."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    # syntax
    "syntax": Entry("the text does not follow the grammar", "docs/language.md has the grammar."),
    "yaml-feature": Entry(
        "a feature of YAML that a spec may not use",
        "Anchors, aliases, merge keys, tags, several documents and keys that are no text hide what is said.",
    ),
    "duplicate-key": Entry("a key is given twice", "One would silently win; networks were trained so."),
    "unknown-key": Entry("nothing reads this key", "A misspelt one would be ignored."),
    "unknown-version": Entry(
        "the spec's version is not known", "A spec in YAML says `archdsl: 1`; a newer one may mean something else."
    ),
    "too-many-nodes": Entry("the YAML has too many nodes", "No spec written by people has that many."),
    "nesting-too-deep": Entry("brackets, blocks or expressions are nested too deep", "Nobody could read it."),
    "bad-name": Entry(
        "a name that may not be used",
        "Names reach Python as attributes of a module: keywords and the attributes of torch.nn.Module are taken.",
    ),
    "duplicate-definition": Entry("a block, network or variant is defined twice", "One would hide the other."),
    "duplicate-parameter": Entry("a parameter is declared twice", "One would hide the other."),
    # imports
    "import-path": Entry(
        "an import outside the directory of the importing file",
        "A spec reads only files beside or below it, so that opening a stranger's spec is safe.",
    ),
    "import-missing": Entry("the imported file cannot be read", "It does not exist or is no regular file."),
    "too-many-imports": Entry("too many files are imported", "No network needs that many."),
    "import-cycle": Entry("files import each other", "Neither could be read first."),
}
