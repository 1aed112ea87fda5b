"""The server: open documents, what is asked of them, and faults as they are found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from archdsl.catalogue import CATALOGUE
from archdsl.diagnostics import Diagnostic, Edit
from archdsl.editor import actions, completion, hints, hover, navigation, tokens
from archdsl.editor.document import OpenDocument
from archdsl.errors import SpecError
from archdsl.lsp.places import offset_of, path_of, position_of, range_of, uri_of
from archdsl.pipeline import format_source
from archdsl.source import Span

PAUSE: Final = 0.15  # seconds without a keystroke, after which a text is examined
SEVERITIES: Final = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}
COMPLETIONS: Final = {
    "operator": types.CompletionItemKind.Function,
    "block": types.CompletionItemKind.Class,
    "parameter": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.Variable,
    "keyword": types.CompletionItemKind.Keyword,
    "mark": types.CompletionItemKind.EnumMember,
    "function": types.CompletionItemKind.Function,
    "type": types.CompletionItemKind.TypeParameter,
    "network": types.CompletionItemKind.Class,
}
SYMBOLS: Final = {
    "block": types.SymbolKind.Class,
    "network": types.SymbolKind.Module,
    "variant": types.SymbolKind.Constant,
    "label": types.SymbolKind.Field,
}
TOKEN_TYPES: Final = ("parameter", "variable", "class", "function", "enumMember", "type")
TOKENS: Final = {
    "parameter": "parameter", "setting": "parameter", "input": "variable", "size": "type", "value": "variable",
    "module": "variable", "item": "variable", "output": "variable", "target": "variable", "device": "enumMember",
    "block": "class", "network": "class", "operator": "function", "function": "function",
    "initialiser": "function", "word": "enumMember",
}  # fmt: skip
CHOOSE: Final = "archdsl.choose"


class SpecServer(LanguageServer):
    """Answers about the specs that are open in an editor."""

    def __init__(self) -> None:
        super().__init__("archdsl", version("archdsl"), text_document_sync_kind=types.TextDocumentSyncKind.Incremental)
        self.documents: dict[str, OpenDocument] = {}
        self.waiting: dict[str, asyncio.TimerHandle] = {}

    def document(self, uri: str) -> OpenDocument:
        """The open document of an address. Raises `JsonRpcInvalidParams` where it is not open."""
        if uri not in self.documents:
            raise JsonRpcInvalidParams(f"{uri} is not open")
        return self.documents[uri]

    def examine_soon(self, uri: str, pause: float = PAUSE) -> None:
        """Examine a document when nothing was written for a while."""
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        loop = asyncio.get_running_loop()
        self.waiting[uri] = loop.call_later(pause, lambda: asyncio.ensure_future(self.examine(uri)))

    async def examine(self, uri: str) -> None:
        """Examine a document beside what is asked meanwhile, and tell the editor what was found."""
        document = self.documents.get(uri)
        if document is None:
            return
        # Other open files count as they are in the editor, not as they were saved.
        texts = {other.source.name: other.source.text for other in self.documents.values() if other is not document}
        try:
            current = await asyncio.to_thread(document.examine, texts)
        except Exception:  # an editor goes on; whatever it is, it is a fault of ours and told to the log
            logging.getLogger(__name__).exception("cannot examine %s", uri)
            return
        if not current or self.documents.get(uri) is not document:
            return
        found = [_diagnostic(fault, document) for fault in document.diagnostics]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))
        for refresh in (self.workspace_inlay_hint_refresh, self.workspace_code_lens_refresh):
            refresh(None)


def _diagnostic(fault: Diagnostic, document: OpenDocument) -> types.Diagnostic:
    """A fault as the protocol has it; one in another file stands at the first character, and says where it is."""
    here = fault.span is not None and fault.span.source.name == document.source.name
    span = fault.span if here and fault.span is not None else Span(document.source, 0, 0)
    message = fault.message if here else f"{fault.span or fault.place}: {fault.message}"
    parts = [message, *(note.text for note in fault.notes), *([f"help: {fault.help}"] if fault.help else [])]
    related = [
        types.DiagnosticRelatedInformation(types.Location(uri_of(label.span.source), range_of(label.span)), label.text)
        for label in fault.labels
    ]
    related += [
        types.DiagnosticRelatedInformation(
            types.Location(uri_of(instance.span.source), range_of(instance.span)), f"in {instance}, used here"
        )
        for instance in fault.chain
    ]
    return types.Diagnostic(
        range_of(span), "\n".join(parts), SEVERITIES[CATALOGUE[fault.code].level], code=fault.code, source="archdsl",
        related_information=related,
    )  # fmt: skip


def _text_edits(edits: Sequence[Edit]) -> list[types.TextEdit]:
    return [types.TextEdit(range_of(edit.span), edit.replacement) for edit in edits]


def server() -> SpecServer:
    """A server with all that it can be asked."""
    ls = SpecServer()

    @ls.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        ls.documents[item.uri] = OpenDocument(path_of(item.uri), _lines(item.text))
        ls.examine_soon(item.uri, 0)

    @ls.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        ls.document(uri).update(_lines(ls.workspace.get_text_document(uri).source))
        for other in ls.documents:  # one may import another
            ls.examine_soon(other)

    @ls.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        ls.documents.pop(params.text_document.uri, None)
        ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))

    @ls.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        document, offset = _at(params)
        found = hover.hover(document, offset)
        if found is None:
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, found.markdown), range_of(found.span))

    @ls.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def hinted(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = ls.document(params.text_document.uri)
        start, end = (offset_of(document.source, place) for place in (params.range.start, params.range.end))
        return [
            types.InlayHint(position_of(document.source, hint.offset), hint.text, padding_left=True)
            for hint in hints.hints(document, start, end)
        ]

    @ls.feature(types.TEXT_DOCUMENT_CODE_LENS)
    def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        uri = params.text_document.uri
        found = []
        for choice in hints.choices(ls.document(uri)):
            now = choice.now or f"all {len(choice.options)} instances"
            title = f"shapes of {now}"
            command = types.Command(title, CHOOSE, arguments=[uri, choice.kind, list(choice.options)])
            found.append(types.CodeLens(range_of(choice.span), command))
        return found

    @ls.command(CHOOSE)
    def choose(uri: str, kind: str, options: list[str], chosen: str | None = None) -> str | None:
        """Show the shapes of `chosen`, "" for all; without one, of what follows that which is shown."""
        document = ls.document(uri)
        now = document.chosen if kind == "variant" else document.instance
        if chosen is None:
            everything: list[str | None] = [*options] if kind == "variant" else [None, *options]
            shown = document.known.shown if document.known is not None else None
            now = now or (shown.name if shown is not None and kind == "variant" else None)
            chosen = everything[(everything.index(now) + 1) % len(everything)] if now in everything else options[0]
        if kind == "variant":
            document.chosen = chosen or None
            ls.examine_soon(uri, 0)
        else:
            document.instance = chosen or None
            ls.workspace_inlay_hint_refresh(None)
            ls.workspace_code_lens_refresh(None)
        return chosen

    @ls.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[" ", "(", "@", ",", "=", ":", "."])
    )
    def completed(params: types.CompletionParams) -> types.CompletionList:
        document, offset = _at(params)
        items = [
            types.CompletionItem(
                one.label, kind=COMPLETIONS[one.kind], detail=one.detail or None, insert_text=one.insert,
                documentation=types.MarkupContent(types.MarkupKind.Markdown, one.markdown) if one.markdown else None,
                sort_text=f"{place:04}",
            )
            for place, one in enumerate(completion.completions(document, offset))
        ]  # fmt: skip
        return types.CompletionList(is_incomplete=False, items=items)

    @ls.feature(types.TEXT_DOCUMENT_DEFINITION)
    def defined(params: types.DefinitionParams) -> types.Location | None:
        span = navigation.definition(*_at(params))
        return None if span is None else types.Location(uri_of(span.source), range_of(span))

    @ls.feature(types.TEXT_DOCUMENT_REFERENCES)
    def referred(params: types.ReferenceParams) -> list[types.Location]:
        document, offset = _at(params)
        found = navigation.references(document, offset, declaration=params.context.include_declaration)
        return [types.Location(uri_of(span.source), range_of(span)) for span in found]

    @ls.feature(types.TEXT_DOCUMENT_RENAME)
    def renamed(params: types.RenameParams) -> types.WorkspaceEdit:
        document, offset = _at(params)
        try:
            found = navigation.renamed(document, offset, params.new_name)
        except navigation.CannotRename as error:
            raise JsonRpcInvalidParams(str(error)) from None
        uri = params.text_document.uri
        if found.warning is None or not _annotates(ls):
            if found.warning is not None:
                ls.window_show_message(types.ShowMessageParams(types.MessageType.Warning, found.warning))
            return types.WorkspaceEdit(changes={uri: _text_edits(found.edits)})
        annotated: list[Any] = [
            types.AnnotatedTextEdit("rename", edit.range, edit.new_text) for edit in _text_edits(found.edits)
        ]
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri)
        return types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(identifier, annotated)],
            change_annotations={"rename": types.ChangeAnnotation(found.warning, needs_confirmation=True)},
        )

    @ls.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        return [_symbol(item) for item in navigation.outline(ls.document(params.text_document.uri))]

    @ls.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        source = ls.document(params.text_document.uri).source
        try:
            text = format_source(source)
        except SpecError:  # what cannot be read stays as it is; its faults are shown already
            return []
        return [types.TextEdit(range_of(Span(source, 0, len(source.text))), text)] if text != source.text else []

    @ls.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        document = ls.document(uri)
        start, end = (offset_of(document.source, place) for place in (params.range.start, params.range.end))
        return [
            types.CodeAction(
                action.title, types.CodeActionKind.QuickFix, [_diagnostic(action.diagnostic, document)],
                is_preferred=True, edit=types.WorkspaceEdit(changes={uri: _text_edits(action.edits)}),
            )
            for action in actions.actions(document, start, end)
        ]  # fmt: skip

    @ls.feature(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, types.SemanticTokensLegend(list(TOKEN_TYPES), []))
    def coloured(params: types.SemanticTokensParams) -> types.SemanticTokens:
        data: list[int] = []
        line = character = 0
        for span, kind in tokens.tokens(ls.document(params.text_document.uri)):
            place = range_of(span)
            start = place.start
            data += [
                start.line - line,
                start.character - (character if start.line == line else 0),
                place.end.character - start.character,
                TOKEN_TYPES.index(TOKENS[kind]),
                0,
            ]
            line, character = start.line, start.character
        return types.SemanticTokens(data)

    def _at(params: Any) -> tuple[OpenDocument, int]:
        document = ls.document(params.text_document.uri)
        return document, offset_of(document.source, params.position)

    return ls


def _lines(text: str) -> str:
    """A text with lines that end with a line feed, as archdsl reads files."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _symbol(item: navigation.OutlineItem) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        item.name, SYMBOLS[item.kind], range_of(item.span), range_of(item.selection),
        children=[_symbol(child) for child in item.children],
    )  # fmt: skip


def _annotates(ls: LanguageServer) -> bool:
    """Whether the editor asks before it does what an edit warns of."""
    workspace = ls.client_capabilities.workspace
    edit = workspace.workspace_edit if workspace is not None else None
    return edit is not None and edit.change_annotation_support is not None
