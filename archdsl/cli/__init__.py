"""The command line: `archdsl COMMAND`. One file a command, imported when the command is used."""

from __future__ import annotations

import importlib
import os
import sys
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import click

from archdsl.cli import streams
from archdsl.cli.configuration import defaults
from archdsl.diagnostics import did_you_mean
from archdsl.errors import SpecError
from archdsl.graph_classes import place_classes
from archdsl.job import seldom_collected
from archdsl.source import STDIN


class Described(NamedTuple):
    """A command's help in a line, which is shown without importing it, and an example, which `--help` shows."""

    summary: str
    example: str


COMMANDS: Final = {
    "new": Described("Begin a spec from a template.", "new mynet"),
    "check": Described("Check specs: names, shapes, structure.", "check net.arch --lint"),
    "explain": Described("Explain the code of a diagnostic, or an operator.", "explain shape-mismatch"),
    "lint": Described("Say what is correct, but probably not meant.", "lint net.arch --notes"),
    "report": Described("Show what each layer is and costs.", "report resnet50 --input image=8x3x224x224"),
    "sweep": Described(
        "Tabulate costs over settings and input sizes.", "sweep resnet18 --over image=1x3x224x224,1x3x299x299"
    ),
    "fit": Described("Find the largest batch or input that fits into a memory.", "fit resnet50 --memory 24GiB"),
    "place": Described(
        "Split a network over several devices, and say what that gains.",
        "place resnet50 --devices 4 --profile a100 --link 25GB/s -o plan.json",
    ),
    "launch": Described("Run a script in the processes of a plan.", "launch plan.json train.py --epochs 3"),
    "bench": Described("Run a network and compare its times with those predicted.", "bench lenet5 --rounds 4"),
    "calibrate": Described("Measure this machine, for predicting times.", "calibrate -o here.json"),
    "diff": Described("Compare two networks, layer by layer.", "diff resnet50 resnet50_paper"),
    "fmt": Described("Format specs, or say which are not formatted.", "fmt net.arch --check"),
    "convert": Described("Convert a spec from text to YAML, or back.", "convert net.arch -o net.yaml"),
    "draw": Described("Draw a network.", "draw resnet18 -o resnet18.svg"),
    "import": Described(
        "Write the spec of a module of torch, or of another tool's file.",
        "import torchvision.models:resnet18 -o resnet18.arch",
    ),
    "compile": Described("Compile to a torch.fx.GraphModule and show its code.", "compile resnet18 -o resnet18.onnx"),
    "run": Described("Train a network on a bundled data set with its own loss.", "run lenet5 -o lenet5.safetensors"),
    "check-operators": Described("Compute the examples of your own operators.", "--operators mine.py check-operators"),
    "schema": Described("Print the JSON schema of the YAML form.", "schema -o archdsl.json"),
    "zoo": Described("List the networks that ship with archdsl.", "zoo --table"),
    "serve": Described("Show a network in a browser that follows the file.", "serve net.arch"),
    "lsp": Described("Serve an editor by the Language Server Protocol.", "lsp"),
    "doctor": Described("Say what is installed, what is missing, and how to get it.", "doctor"),
}


class Commands(click.Group):
    """Finds a command's module by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        file = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name.replace("-", "_")
        command: click.Command = importlib.import_module(f"archdsl.cli.{file}").command
        command.epilog = f"Example: archdsl {COMMANDS[cmd_name].example}"
        if not any(option.name == "no_color" for option in command.params):
            no_color(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, described.summary) for name, described in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            help = did_you_mean(name, COMMANDS) or f"commands are {', '.join(COMMANDS)}"
            ctx.fail(f"no such command `{name}`; {help}")
        # `-:small`, a network on standard input, would be taken for an option.
        return super().resolve_command(ctx, [f"{STDIN}{arg[1:]}" if arg.startswith("-:") else arg for arg in args])


def _without_color(ctx: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        os.environ["NO_COLOR"] = "1"  # also for what the command starts


no_color = click.option(
    "--no-color", is_flag=True, expose_value=False, is_eager=True, callback=_without_color,
    help="Neither colours nor bold letters; as with $NO_COLOR.",
)  # fmt: skip


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="archdsl")
@no_color
@click.option("--operators", multiple=True, metavar="FILE", help="A Python file with operators of your own.")
@click.pass_context
def cli(ctx: click.Context, operators: tuple[str, ...]) -> None:
    """Write a neural-network architecture as a short spec; check it, count it, draw it, compile it.

    A SPEC is a path, `path:variant`, the name of a network that ships with archdsl (see `archdsl zoo`), or `-` for
    standard input.
    """
    if name := ctx.invoked_subcommand:
        command = cli.get_command(ctx, name)
        ctx.default_map = {} if command is None else {name: defaults(command, name, Path.cwd(), COMMANDS)}
    if operators:
        from archdsl.own_operators import load_operators

        for file in operators:
            load_operators(file)


def main() -> NoReturn:
    """Run the command line. Exit status: 0 nothing wrong, 1 the spec has errors, 2 the command was used wrongly."""
    with seldom_collected():
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
