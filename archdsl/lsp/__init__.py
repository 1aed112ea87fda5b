"""The Language Server Protocol around `archdsl.editor`, and nothing more. Needs the extra `lsp`."""
