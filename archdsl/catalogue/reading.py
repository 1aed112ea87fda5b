"""Diagnostics of reading a spec, and of using a command."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "unreadable-file": Entry(
        "the file cannot be read", "It does not exist, is no regular file, or may not be read.", 2
    ),
    "unknown-spec": Entry("no such variant or network", "A SPEC is `path`, `path:variant` or a shipped variant.", 2),
    "unknown-setting": Entry("no such setting", "`--set` and `--input` name what the network declares.", 2),
    "bad-setting": Entry("a setting does not fit", "The value given does not fit what the network declares.", 2),
    "bad-device": Entry("a device that is not there", "Every declared device needs a real one on this machine.", 2),
    "bad-operators": Entry("a file of operators cannot be used", "It must be importable and define new names.", 2),
    "out-of-memory": Entry(
        "the machine has not enough memory", "The weights do not fit; they are counted before any is drawn.", 2
    ),
    "cannot-write": Entry("the output cannot be written", "The old file, if any, is untouched.", 2),
    "file-too-large": Entry("the file is larger than a spec may be", "No spec written by people is that large."),
    "not-text": Entry("the file is not UTF-8 text", "A spec is a text file in UTF-8."),
    "bad-character": Entry(
        "a character that may not stand in a spec",
        "Control and bidirectional characters make a text read otherwise than it is; names are ASCII, because "
        "Python takes some different letters for the same.",
    ),
    "empty-spec": Entry("the spec is empty", "A spec holds at least one network."),
}
