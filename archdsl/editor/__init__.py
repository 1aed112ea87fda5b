"""What an editor asks of a spec, as plain data: no protocol, no torch. `archdsl lsp` speaks for it."""
