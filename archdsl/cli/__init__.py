"""The command line: `archdsl COMMAND`. One file a command, imported when the command is used."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final, NoReturn

import click

from archdsl.cli import streams
from archdsl.diagnostics import did_you_mean
from archdsl.errors import SpecError
from archdsl.graph_classes import place_classes
from archdsl.source import STDIN

# Commands and their one-line help, which is shown without importing them.
COMMANDS: Final = {
    "check": "Check specs: names, shapes, structure.",
    "explain": "Explain the code of a diagnostic.",
    "lint": "Say what is correct, but probably not meant.",
    "report": "Show what each layer is and costs.",
    "sweep": "Tabulate costs over settings and input sizes.",
    "fit": "Find the largest batch or input that fits into a memory.",
    "place": "Split a network over several devices, and say what that gains.",
    "launch": "Run a script in the processes of a plan.",
    "bench": "Run a network and compare its times with those predicted.",
    "calibrate": "Measure this machine, for predicting times.",
    "diff": "Compare two networks, layer by layer.",
    "fmt": "Format specs, or say which are not formatted.",
    "convert": "Convert a spec from text to YAML, or back.",
    "draw": "Draw a network.",
    "compile": "Compile to a torch.fx.GraphModule and show its code.",
    "run": "Train a network on a bundled data set with its own loss.",
    "check-operators": "Compute the examples of your own operators.",
    "schema": "Print the JSON schema of the YAML form.",
    "zoo": "List the networks that ship with archdsl.",
}


class Commands(click.Group):
    """Finds a command's module by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"archdsl.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            help = did_you_mean(name, COMMANDS) or f"commands are {', '.join(COMMANDS)}"
            ctx.fail(f"no such command `{name}`; {help}")
        # `-:small`, a network on standard input, would be taken for an option.
        return super().resolve_command(ctx, [f"{STDIN}{arg[1:]}" if arg.startswith("-:") else arg for arg in args])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="archdsl")
@click.option("--operators", multiple=True, metavar="FILE", help="A Python file with operators of your own.")
def cli(operators: tuple[str, ...]) -> None:
    """Write a neural-network architecture as a short spec; check it, count it, draw it, compile it.

    A SPEC is a path, `path:variant`, the name of a network that ships with archdsl (see `archdsl zoo`), or `-` for
    standard input.
    """
    if operators:
        from archdsl.own_operators import load_operators

        for file in operators:
            load_operators(file)


def main() -> NoReturn:
    """Run the command line. Exit status: 0 nothing wrong, 1 the spec has errors, 2 the command was used wrongly."""
    place_classes()
    streams.open_all()
    try:
        status = cli.main(prog_name="archdsl", standalone_mode=False)
        sys.stdout.flush()
    except SpecError as error:
        from archdsl.cli.terminal import show_faults

        show_faults(error.diagnostics)
        status = error.exit_status
    except click.ClickException as error:
        streams.complain(streams.shown(error), nl=False)
        status = error.exit_code
    except ImportError as error:  # a library that is not installed, or a package that hides one of archdsl's
        streams.complain(f"error: {error}")
        status = 2
    except (click.Abort, KeyboardInterrupt):
        streams.complain("interrupted; nothing was written")
        status = 130
    except BrokenPipeError:  # the reader, `head` say, has what it wanted
        streams.drop_output()
        status = 0
    except OSError as error:  # the disk that standard output goes to is full, say
        streams.drop_output()
        streams.complain(f"error: cannot write the output: {(error.strerror or str(error)).lower()}")
        status = 2
    sys.exit(status if isinstance(status, int) else 0)
