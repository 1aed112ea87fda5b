"""`archdsl lint`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from archdsl.catalogue import CATALOGUE
from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import format_option, print_json, without_effect
from archdsl.cli.terminal import colour, print_sheets, show_faults
from archdsl.diagnostics import Findings, counted, did_you_mean, distinct
from archdsl.errors import SpecError
from archdsl.lint import RULES, SUPPRESSION_CODES, Finding
from archdsl.render.formats import FORMATS

CODES = (*RULES, *SUPPRESSION_CODES)


def _rules(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    for name in values:
        if name not in CODES:
            help = did_you_mean(name, CODES) or "`archdsl lint --list` shows the rules"
            raise click.BadParameter(f"no such rule `{name}`; {help}", ctx, option)
    return frozenset(values)


@click.command("lint")
@click.argument("specs", metavar="SPEC...", nargs=-1, shell_complete=completion.specs)
@click.option("--only", multiple=True, metavar="RULE", callback=_rules, help="This rule alone; may be repeated.")
@click.option("--off", multiple=True, metavar="RULE", callback=_rules, help="Without this rule; may be repeated.")
@click.option("--notes", is_flag=True, help="Show notes as well as warnings.")
@click.option("--list", "as_list", is_flag=True, help="List the rules and do nothing else.")
@format_option
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    specs: tuple[str, ...],
    only: frozenset[str],
    off: frozenset[str],
    notes: bool,
    as_list: bool,
    form: str,
) -> int:
    """Say what is correct, but probably not meant, or known to work better otherwise.

    Of a file, every network and variant is looked at. Status 1 if anything is shown. A comment
    `# lint: off(rule): reason` switches a rule off for its line.
    """
    if as_list:
        if specs:
            raise click.UsageError("--list lists the rules, and looks at no SPEC")
        without_effect("with --list", "only", "off", "notes")
        if form not in ("text", "json"):
            raise click.UsageError(f"--list is text or JSON, not {form}")
        _list(form)
        return 0
    if not specs:
        raise click.UsageError("name a SPEC, or use --list", ctx)
    if only & off:
        raise click.UsageError(f"`{min(only & off)}` is asked for by --only, and switched off by --off")
    from archdsl.pipeline import check_and_lint
    from archdsl.render.json import to_dict

    results: list[Findings] = []
    shown: list[Finding] = []
    hidden: set[tuple[str, str]] = set()
    documents: list[dict[str, Any]] = []
    for spec in specs:
        try:
            _, found = check_and_lint(spec)
        except SpecError as error:  # the others are looked at all the same
            results.append(Findings(spec, diagnostics=error.diagnostics))
            diagnostics = [to_dict(d) for d in error.diagnostics]
            documents.append({"spec": spec, "ok": False, "diagnostics": diagnostics, "findings": []})
            continue
        wanted = [f for f in found if (f.diagnostic.code in only or not only) and f.diagnostic.code not in off]
        kept = [f for f in wanted if notes or only or f.diagnostic.level == "warning"]
        hidden |= {f.diagnostic.key for f in wanted} - {f.diagnostic.key for f in kept}
        shown += kept
        results.append(Findings(spec, diagnostics=tuple(f.diagnostic for f in kept)))
        documents.append({"spec": spec, "ok": True, "diagnostics": [], "findings": [_plain(f) for f in kept]})
    faults = distinct(result for result in results if not result.ok)
    once = {finding.diagnostic.key: finding for finding in reversed(shown)}  # in a file that several import
    shown = list(reversed(once.values()))
    if form == "json":
        print_json({"archdsl": 1, "specs": documents})
    elif FORMATS[form].is_document:
        click.echo(FORMATS[form].render(results), nl=False)
    else:
        _show(shown)
        if correct := sum(result.ok for result in results):
            click.echo(_summary(shown, len(hidden), correct))
        if faults:
            show_faults(faults)
    return max((d.exit_status for d in faults), default=int(bool(shown)))


def _show(findings: Sequence[Finding]) -> None:
    from archdsl.render.text import render

    painted = colour(sys.stdout)
    for finding in findings:
        click.echo(render(finding.diagnostic, painted), color=painted)


def _plain(finding: Finding) -> dict[str, Any]:
    from archdsl.render.json import to_dict

    return {**to_dict(finding.diagnostic), "layers": list(finding.layers), "networks": list(finding.networks)}


def _summary(shown: Sequence[Finding], hidden: int, specs: int) -> str:
    warnings = sum(f.diagnostic.level == "warning" for f in shown)
    parts = [counted(warnings, "warning")] + ([counted(len(shown) - warnings, "note")] if len(shown) > warnings else [])
    fixed = sum(f.diagnostic.fix is not None and f.diagnostic.level == "warning" for f in shown)
    parts += [f"{fixed} with a fix (`archdsl check --lint --fix`)"] if fixed else []
    text = f"{counted(specs, 'spec')}: {', '.join(parts)}"
    return text + (f"; {counted(hidden, 'note')} not shown (--notes)" if hidden else "")


def _list(form: str) -> None:
    from archdsl.sheet.sheet import Column, Line, Sheet

    rules = sorted((CATALOGUE[code].level, code) for code in CODES)
    rules.sort(key=lambda rule: rule[0] == "note")
    listed = [{"rule": code, "level": level, "summary": CATALOGUE[code].summary} for level, code in rules]
    columns = (Column("rule"), Column("level", rank=1), Column("finds", wrap=True))
    lines = tuple(Line((code, level, CATALOGUE[code].summary)) for level, code in rules)
    print_sheets([Sheet("rules of lint", columns, lines, document={"archdsl": 1, "rules": listed})], form)
