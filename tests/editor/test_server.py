"""The language server, asked by a client of the protocol over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.editor.test_documents import SPEC

T = TypeVar("T")


class Editor(LanguageClient):
    """A client that keeps what the server says of each file."""

    def __init__(self) -> None:
        super().__init__("editor", "1")
        self.said: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.said.put_nowait(params)

        @self.feature(types.WORKSPACE_INLAY_HINT_REFRESH)  # type: ignore[untyped-decorator]
        def hints_changed(params: Any) -> None: ...

        @self.feature(types.WORKSPACE_CODE_LENS_REFRESH)  # type: ignore[untyped-decorator]
        def lenses_changed(params: Any) -> None: ...

    async def faults(self, text_has: Callable[[list[str]], bool] = lambda codes: True) -> list[types.Diagnostic]:
        """The next faults that are said, of which something holds."""
        while True:
            params = await asyncio.wait_for(self.said.get(), 60)
            if text_has([str(fault.code) for fault in params.diagnostics]):
                return list(params.diagnostics)

    def write(self, uri: str, version: int, place: types.Range, text: str) -> None:
        """Replace a stretch of the text, as a keystroke does."""
        change = types.TextDocumentContentChangePartial(place, text)
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, uri), [change])
        )


def session(work: Callable[[Editor, str], Coroutine[Any, Any, T]], file: Path, text: str = SPEC) -> T:
    """Start a server, open a file, do something, and stop the server as editors do."""

    async def run() -> T:
        editor = Editor()
        await editor.start_io(sys.executable, "-m", "archdsl", "lsp")
        await editor.initialize_async(types.InitializeParams(types.ClientCapabilities(), root_uri=file.parent.as_uri()))
        editor.initialized(types.InitializedParams())
        uri = file.as_uri()
        editor.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "archdsl", 1, text)))
        try:
            return await work(editor, uri)
        finally:
            await editor.shutdown_async(None)
            editor.exit(None)
            await editor.stop()  # type: ignore[no-untyped-call]

    return asyncio.run(run())


def test_a_session_of_writing(tmp_path: Path) -> None:
    """Open, ask, break keystroke by keystroke, fix by the action that is offered, rename, format."""

    async def work(editor: Editor, uri: str) -> None:
        document = types.TextDocumentIdentifier(uri)
        assert await editor.faults() == []
        whole = types.Range(types.Position(0, 0), types.Position(99, 0))
        hints = await editor.text_document_inlay_hint_async(types.InlayHintParams(document, whole))
        assert hints is not None
        assert {hint.position.line: hint.label for hint in hints}[11] == "[N, 32, 6, 6]"
        place = types.Position(10, 17)
        said = await editor.text_document_hover_async(types.HoverParams(document, place))
        assert said is not None
        assert "448 parameters" in str(said.contents)
        lenses = await editor.text_document_code_lens_async(types.CodeLensParams(document))
        assert lenses is not None
        assert [lens.command.title for lens in lenses if lens.command] == ["shapes of Net", "shapes of all 2 instances"]
        command = types.ExecuteCommandParams("archdsl.choose", [uri, "instance", ["a", "b"], "b"])
        assert await editor.workspace_execute_command_async(command) == "b"
        hints = await editor.text_document_inlay_hint_async(types.InlayHintParams(document, whole))
        assert {hint.position.line: hint.label for hint in hints or ()}[3] == "[N, 32, 6, 6]"
        tokens = await editor.text_document_semantic_tokens_full_async(types.SemanticTokensParams(document))
        assert tokens is not None
        assert len(tokens.data) % 5 == 0
        symbols = await editor.text_document_document_symbol_async(types.DocumentSymbolParams(document))
        assert [symbol.name for symbol in symbols or []] == ["residual", "Net", "wide"]
        where = await editor.text_document_definition_async(types.DefinitionParams(document, types.Position(11, 14)))
        assert isinstance(where, types.Location)
        assert where.range.start == types.Position(0, 6)
        # `conv` becomes `cnov` in two keystrokes, and the fix is offered
        editor.write(uri, 2, types.Range(types.Position(10, 18), types.Position(10, 20)), "n")
        editor.write(uri, 3, types.Range(types.Position(10, 19), types.Position(10, 19)), "o")
        faults = await editor.faults(lambda codes: codes != [])
        assert [fault.code for fault in faults] == ["unknown-operator"]
        context = types.CodeActionContext(faults)
        actions = await editor.text_document_code_action_async(
            types.CodeActionParams(document, faults[0].range, context)
        )
        assert actions
        assert isinstance(actions[0], types.CodeAction)
        assert actions[0].edit is not None
        [edit] = (actions[0].edit.changes or {})[uri]
        assert isinstance(edit, types.TextEdit)
        assert edit.new_text == "conv"
        editor.write(uri, 4, edit.range, edit.new_text)
        assert await editor.faults(lambda codes: codes == []) == []
        completions = await editor.text_document_completion_async(
            types.CompletionParams(document, types.Position(9, 4))
        )
        assert isinstance(completions, types.CompletionList)
        assert {"image", "width", "conv", "output"} <= {item.label for item in completions.items}
        renaming = await editor.text_document_rename_async(types.RenameParams(document, types.Position(0, 7), "unit"))
        assert renaming is not None
        assert [e.new_text for e in (renaming.changes or {})[uri]] == ["unit"] * 3
        formatted = await editor.text_document_formatting_async(
            types.DocumentFormattingParams(document, types.FormattingOptions(4, True))
        )
        assert not formatted

    session(work, tmp_path / "net.arch")


def test_places_count_utf_16_and_files_that_others_import_count_as_they_are_open(tmp_path: Path) -> None:
    main = tmp_path / "main.arch"
    blocks = tmp_path / "blocks.arch"
    blocks.write_text("block half(x: [N, C]) { x -> linear(C // 2) }\n", encoding="utf-8")
    text = 'import "blocks.arch" (half)\nnetwork Net(x: [N, 8]) { x -> half } # 𝕏\n'

    async def work(editor: Editor, uri: str) -> None:
        document = types.TextDocumentIdentifier(uri)
        assert await editor.faults() == []
        where = await editor.text_document_definition_async(types.DefinitionParams(document, types.Position(1, 32)))
        assert isinstance(where, types.Location)
        assert where.uri == blocks.as_uri()
        opened = types.TextDocumentItem(blocks.as_uri(), "archdsl", 1, "block other(x) { x -> relu }\n")
        editor.text_document_did_open(types.DidOpenTextDocumentParams(opened))
        editor.write(uri, 2, types.Range(types.Position(1, 41), types.Position(1, 41)), "!")
        assert [fault.code for fault in await editor.faults(lambda codes: "unknown-name" in codes)] == ["unknown-name"]

    session(work, main, text)
