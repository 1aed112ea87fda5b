"""A table as one page of HTML that needs nothing else: no scripts, no links, all texts escaped."""

from __future__ import annotations

from html import escape

from archdsl.sheet.sheet import Sheet, texts

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #1a1a1a; background: #fff }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 2px 10px; text-align: left; white-space: nowrap }
thead th { position: sticky; top: 0; background: #fff; border-bottom: 2px solid #888 }
tbody tr:nth-child(even) { background: #f4f4f4 }
tfoot { border-top: 2px solid #888; font-weight: bold }
.n { text-align: right }
@media (prefers-color-scheme: dark) {
  body, thead th { color: #ddd; background: #161616 }
  tbody tr:nth-child(even) { background: #202020 }
}
"""


def render(sheet: Sheet, width: int | None) -> str:
    """Ends with a newline."""
    right = [' class="n"' if column.right else "" for column in sheet.columns]
    lines = zip(texts(sheet, tree=True), sheet.all_lines, strict=True)
    rows = [_row(cells, right, line.depth) for cells, line in lines]
    head = "".join(
        f'<th scope="col"{mark}>{escape(c.heading)}</th>' for c, mark in zip(sheet.columns, right, strict=True)
    )
    body, foot = (rows[:-1], rows[-1:]) if sheet.total is not None else (rows, [])
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(sheet.title)}</title>",
            f"<style>{STYLE}</style></head>",
            f"<body><h1>{escape(sheet.title)}</h1>",
            f"<table><thead><tr>{head}</tr></thead>",
            *["<tbody>", *body, "</tbody>"],
            *(["<tfoot>", *foot, "</tfoot>"] if foot else []),
            "</table>",
            *(f"<p>{escape(note)}</p>" for note in sheet.notes if note),
            "</body></html>",
            "",
        ]
    )


def _row(cells: list[str], right: list[str], depth: int) -> str:
    indent = f' style="padding-left: {10 + 18 * depth}px"' if depth else ""
    first = f'<th scope="row"{indent}>{escape(cells[0])}</th>'
    return f"<tr>{first}{''.join(f'<td{m}>{escape(c)}</td>' for c, m in zip(cells[1:], right[1:], strict=True))}</tr>"
