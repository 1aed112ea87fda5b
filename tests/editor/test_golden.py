"""What an editor shows of the networks that ship, through a client of the protocol: `tests/editor/golden/`.

`pytest --update-golden tests/editor -m "heavy or not heavy"` writes the texts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from archdsl import shipped
from tests.editor.test_server import Editor, session

GOLDEN = Path(__file__).resolve().parent / "golden"
QUICK = ("lenet.arch", "resnet.arch", "siamese.yaml", "unet.arch", "vit.arch")
FILES = [
    pytest.param(file, id=file.name, marks=() if file.name in QUICK else pytest.mark.heavy)
    for file in shipped.shipped_specs()
]


@pytest.mark.parametrize("file", FILES)
def test_hints_and_hovers_of_a_network_that_ships(file: Path, golden: Callable[[Path, str], None]) -> None:
    text = file.read_text(encoding="utf-8")
    golden(GOLDEN / f"{file.name}.txt", session(shown_of(text), file, text))


def shown_of(text: str) -> Callable[[Editor, str], Coroutine[Any, Any, str]]:
    async def work(editor: Editor, uri: str) -> str:
        document = types.TextDocumentIdentifier(uri)
        await editor.faults()
        lines = text.splitlines()
        whole = types.Range(types.Position(0, 0), types.Position(len(lines), 0))
        hints = await editor.text_document_inlay_hint_async(types.InlayHintParams(document, whole))
        said = {hint.position.line: hint.label for hint in hints or ()}
        written = [f"{lines[line]}  {label}" for line, label in said.items()]
        tokens = await editor.text_document_semantic_tokens_full_async(types.SemanticTokensParams(document))
        seen: set[str] = set()
        line = character = 0
        for i in range(0, len(tokens.data) if tokens is not None else 0, 5):
            assert tokens is not None
            down, right, length, *_ = tokens.data[i : i + 5]
            line, character = line + down, right if down else character + right
            word = lines[line][character : character + length]
            if word in seen:  # each name is asked for once
                continue
            seen.add(word)
            params = types.HoverParams(document, types.Position(line, character))
            hover = await editor.text_document_hover_async(params)
            if hover is not None and isinstance(hover.contents, types.MarkupContent):
                first = hover.contents.value.partition("\n\n| parameter")[0].strip()
                written.append(f"--- {word}\n{first}")
        return "\n".join(written) + "\n"

    return work
