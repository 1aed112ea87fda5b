"""Diagnostics of files: what they hold as text, and what they import."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "not-text": Entry(
        "the file is not UTF-8 text",
        """
        A spec is a text file in UTF-8. This one holds bytes that are none: it is a picture, an archive, saved
        weights, or a text in another encoding. Files that begin as UTF-16 does, which some editors on Windows write,
        are named as such.

        If it is the right file, save it as UTF-8; in a shell, `iconv -f latin1 -t utf-8 old.arch > new.arch`.
        """,
    ),
    "bad-character": Entry(
        "a character that may not stand in a spec",
        """
        Control characters, and those that are invisible or turn the direction of text around, may stand nowhere in a
        spec, not even in a comment: with them a text reads otherwise than it is. Names and numbers are ASCII, since
        letters of other alphabets can look the same without being the same, and Python takes some different letters
        for one name.

        The caret points at the character, and the help text says what it was most likely meant to be. Delete it and
        type it anew; it often came with a copy from a web page or a PDF. In the example it
        is the `o` of the first `network`, which is a Cyrillic letter.
        """,
        wrong="netw\u043erk Net(x: [N, 4]) { x -> linear(2) }",
        right="network Net(x: [N, 4]) { x -> linear(2) }",
    ),
    "empty-spec": Entry(
        "the spec is empty",
        """
        A spec says at least one network; here there is nothing, or nothing but comments, or only blocks. A file of
        blocks is there to be imported by others, and is checked along with them.

        Add a network that uses the blocks, if only to try them out.
        """,
        wrong="block head(x, classes) { x -> flatten -> linear(classes) }",
        right="""
        block head(x, classes) { x -> flatten -> linear(classes) }

        network Net(image: [N, 3, 8, 8]) { image -> head(10) }
        """,
    ),
    "import-path": Entry(
        "an import outside the directory of the importing file",
        """
        An import names a file beside or below the one that it stands in. Absolute paths, `..`, addresses on the web
        and links that lead out of the directory are refused, so that it is safe to open a spec that somebody else
        wrote: it can read nothing but its own folder.

        Move what is shared into a folder below the specs that use it, or copy it there.
        """,
        wrong="""
        import "../shared/head.arch" (head)

        network Net(x: [N, 4]) { x -> head(2) }
        """,
        right="""
        import "blocks/head.arch" (head) # beside or below this file

        network Net(x: [N, 4]) { x -> head(2) }
        """,
    ),
    "import-missing": Entry(
        "the imported file cannot be read",
        """
        There is no file where the import says, or it is a directory or may not be read. The path counts from the
        directory of the importing file, not from where the command runs.

        Look at the spelling, and at the suffix: it is part of the path.
        """,
        wrong="""
        import "blocks/haed.arch" (head)

        network Net(x: [N, 4]) { x -> head(2) }
        """,
        right="""
        import "blocks/head.arch" (head)

        network Net(x: [N, 4]) { x -> head(2) }
        """,
    ),
    "import-cycle": Entry(
        "files import each other",
        """
        A file imports another that, directly or by way of others, imports the first: neither could be read before
        the other. The shortest cycle is a file that imports itself, as `net.arch` does below.

        Put the blocks that both need into a third file, and import that from both. A block needs no import to use
        the other blocks of its own file.
        """,
        wrong="""
        import "net.arch" (head) # this file is net.arch

        block head(x, classes) { x -> linear(classes) }

        network Net(x: [N, 4]) { x -> head(2) }
        """,
        right="""
        block head(x, classes) { x -> linear(classes) }

        network Net(x: [N, 4]) { x -> head(2) }
        """,
    ),
}
