"""Arguments and options that several commands share."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from click.core import ParameterSource

from archdsl.cli import completion
from archdsl.cli.terminal import show_faults
from archdsl.diagnostics import Diagnostic, Findings, distinct
from archdsl.errors import SpecError
from archdsl.phases import Phase, phase_of
from archdsl.render.formats import FORMATS

if TYPE_CHECKING:
    from archdsl.measure.time.device_profile import DeviceProfile
    from archdsl.measure.time.roofline import Timing
    from archdsl.network import Network

F = TypeVar("F", bound=Callable[..., Any])


def at_option(function: F) -> F:
    """--at, given to the command as `symbols`: values of what the spec leaves open."""
    return click.option(
        "--at", "symbols", multiple=True, metavar="NAME=SIZE,…", callback=symbol_values,
        help="Sizes left open: H=224,W=224.",
    )(function)  # fmt: skip


def plan_option(function: F) -> F:
    """--plan, a file that `place` wrote, or None."""
    return click.option(
        "--plan", type=click.Path(path_type=Path), metavar="FILE",
        help="Layers on the devices of a plan, as `archdsl place -o` writes it.",
    )(function)  # fmt: skip


def rewrite_option(function: F) -> F:
    """--rewrite, the names of rewrites, or None."""
    return click.option(
        "--rewrite", "rewrites", metavar="NAME,…", callback=_names,
        help="Rewrite the network into one that computes the same in inference: all, or fold-batch-norm, …",
    )(function)  # fmt: skip


def _names(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def spec_argument(function: F) -> F:
    return click.argument("spec", metavar="SPEC", shell_complete=completion.specs)(function)


def input_option(function: F) -> F:
    """--input, given to the command as `inputs`."""
    return click.option(
        "--input", "inputs", multiple=True, metavar="NAME=SHAPE", callback=_inputs,
        help="An input's shape: image=8x3x299x299.",
    )(function)  # fmt: skip


def choice_options(function: F) -> F:
    """--set and --input, given to the command as `settings` and `inputs`."""
    function = input_option(function)
    return click.option(
        "--set", "settings", multiple=True, metavar="NAME=VALUE", callback=_settings,
        shell_complete=completion.settings, help="A setting of the network: classes=10.",
    )(function)  # fmt: skip


def memory_options(function: F) -> F:
    """--optimizer, --dtype and --hardware, given to the command under these names."""
    from archdsl.measure.run.optimizer import OPTIMIZERS
    from archdsl.measure.run.precision import PRECISIONS

    choices = {
        "optimizer": (list(OPTIMIZERS), "The optimizer of training."),
        "dtype": (list(PRECISIONS), "Precision of training; mixed is torch.autocast with bf16."),
        "hardware": (["cuda", "cpu"], "What it runs on, which keeps masks and updates weights in its own way."),
    }
    for name, (values, help) in reversed(choices.items()):
        function = click.option(
            f"--{name}", type=click.Choice(values), default=values[0], show_default=True, help=help
        )(function)
    return function


def profile_option(name: str, *, help: str, default: str | None = None) -> Callable[[F], F]:
    """An option that names a device profile, given to the command as `profile`; `{devices}` in its help lists them."""
    from archdsl.measure.time.gpus import GPUS

    return click.option(
        name, "profile", metavar="DEVICE", callback=_profile, default=default, show_default=default is not None,
        help=help.format(devices=", ".join(GPUS)),
    )  # fmt: skip


def times_of_page_option(function: F) -> F:
    """--time of a drawing, given to the command as `profile`."""
    from archdsl.measure.time.gpus import USUAL

    help = "The device whose times a page predicts, {devices}, or a file of `archdsl calibrate`."
    return profile_option("--time", help=help, default=USUAL)(function)


def engine_option(function: F) -> F:
    """--engine of a drawing."""
    return click.option(
        "--engine", type=click.Choice(["embedded", "system"]), default="embedded", show_default=True,
        help="The Graphviz that comes with archdsl, or the `dot` of the system.",
    )(function)  # fmt: skip


def _profile(ctx: click.Context, option: click.Parameter, name: str | None) -> Any:
    if name is None:
        return None
    from archdsl.measure.time.device_profile import ProfileError
    from archdsl.profiles import find_profile

    try:
        return find_profile(name)
    except ProfileError as error:
        raise click.BadParameter(str(error), ctx, option) from None


def predicted_times(network: Network, profile: DeviceProfile, dtype: str, optimizer: str) -> Timing:
    """The predicted times of a network; a profile without rates for the dtype is a wrong option."""
    from archdsl.measure.time.device_profile import ProfileError

    try:
        return network.timing(profile, dtype=dtype, optimizer=optimizer)
    except ProfileError as error:
        raise click.UsageError(str(error)) from None


def direction_option(help: str) -> Callable[[F], F]:
    """--direction of a drawing."""
    return click.option(
        "--direction",
        type=click.Choice(["down", "right", "up", "left"]),
        default="down",
        show_default=True,
        help=help,
    )


class _PhaseName(click.Choice[str]):
    """A phase, by its name or by that of torch's method."""

    def __init__(self) -> None:
        super().__init__(get_args(Phase))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(phase_of(value), param, ctx)


def phase_option(help: str, default: str | None = "training") -> Callable[[F], F]:
    """--phase of a network."""
    return click.option("--phase", type=_PhaseName(), default=default, show_default=default is not None, help=help)


def theme_option(help: str, *, default: str | None = "light") -> Callable[[F], F]:
    """--theme of a picture."""
    choice = click.Choice(["light", "dark", "print"])
    return click.option("--theme", type=choice, default=default, show_default=default is not None, help=help)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(function)


def force_option(function: F) -> F:
    return click.option("--force", is_flag=True, help="Try even what seems not to fit in memory.")(function)


def weights_option(help: str) -> Callable[[F], F]:
    """-o, given to the command as `output`: a file that weights are saved to."""

    def check(ctx: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix != ".safetensors":
            raise click.BadParameter(f"weights are saved in a .safetensors file, and `{path}` is none", ctx, option)
        return path

    return click.option("-o", "--output", type=click.Path(path_type=Path), callback=check, help=help)


def format_option(function: Callable[..., int]) -> Callable[..., int]:
    """--format, given to the command as `form`; --json is short for one of them."""
    choice = click.option(
        "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True,
        help="; ".join(f"{name}: {form.summary}" for name, form in FORMATS.items()) + ".",
    )  # fmt: skip
    short = click.option("--json", "as_json", is_flag=True, help="Short for --format json.")

    @functools.wraps(function)
    def run(*arguments: Any, form: str, as_json: bool, **options: Any) -> int:
        if as_json and form not in ("text", "json"):
            raise click.UsageError(f"--json is --format json, but --format is {form}")
        return function(*arguments, form="json" if as_json else form, **options)

    return choice(short(run))


def sheet_options(function: Callable[..., int]) -> Callable[..., int]:
    """--format, --json and --width of commands that print a table, given to the command as `form` and `width`.

    Faults are a JSON document on standard output where the table would be one.
    """
    from archdsl.sheet.formats import FORMATS as SHEETS

    choice = click.option(
        "--format", "form", type=click.Choice(list(SHEETS)), default="text", show_default=True,
        help="; ".join(f"{name}: {summary}" for name, summary in SHEETS.items()) + ".",
    )  # fmt: skip
    wide = click.option(
        "--width", type=click.IntRange(20), metavar="N", help="Characters in a line of text; else the terminal's."
    )

    @functools.wraps(function)
    def run(*arguments: Any, form: str, as_json: bool, **options: Any) -> int:
        if as_json and form not in ("text", "json"):
            raise click.UsageError(f"--json is --format json, but --format is {form}")
        form = "json" if as_json else form
        if form != "text":
            without_effect(f"in {form}", "width")
        return faults_as_json(lambda as_json: function(*arguments, form=form, **options))(as_json=form == "json")

    return choice(json_option(wide(run)))


def without_effect(where: str, *names: str) -> None:
    """Refuse those of the command's options that were given and change nothing `where`: they would be missed."""
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in names and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{'/'.join([*option.opts, *option.secondary_opts])} changes nothing {where}")


def print_findings(findings: Sequence[Findings], form: str) -> int:
    """What a command found, in one of `FORMATS`; the exit status that says the same."""
    diagnostics = distinct(findings)
    click.echo(FORMATS[form].render(findings), nl=False)
    if diagnostics and not FORMATS[form].is_document:
        show_faults(diagnostics)
    return max((diagnostic.exit_status for diagnostic in diagnostics), default=0)


def print_json(document: Any) -> None:
    from archdsl.render.json import as_text

    click.echo(as_text(document))


def faults_as_json(command: Callable[..., int]) -> Callable[..., int]:
    """The command, with faults as a JSON document on standard output where --json is given."""

    @functools.wraps(command)
    def run(*arguments: Any, as_json: bool, **options: Any) -> int:
        try:
            return command(*arguments, as_json=as_json, **options)
        except SpecError as error:
            if not as_json:
                raise
            from archdsl.render.json import to_dict

            print_json({"archdsl": 1, "diagnostics": [to_dict(d) for d in error.diagnostics]})
            return error.exit_status

    return run


def cannot_write(path: Path | str, error: OSError) -> SpecError:
    """What is said when an output cannot be written."""
    reason = (error.strerror or str(error)).lower()
    message = f"cannot write `{path}`: {reason}; nothing was changed"
    return SpecError([Diagnostic("cannot-write", message, place=str(path))])


def symbol_values(ctx: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, int]:
    """The sizes of `H=224,W=224`."""
    found: dict[str, int] = {}
    for pair in (pair for text in texts for pair in text.split(",")):
        name, _, size = pair.strip().partition("=")
        if not re.fullmatch(r"[A-Z]\w*", name) or not re.fullmatch(r"\d{1,12}", size):
            raise click.BadParameter(f"`{pair}` is not NAME=SIZE, as in H=224", ctx, option)
        if name in found:
            raise click.BadParameter(f"`{name}` is given twice", ctx, option)
        found[name] = int(size)
    return found


def _inputs(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    found = {}
    for text in values:
        name, equals, shape = text.partition("=")
        if not equals or not re.fullmatch(r"\d{1,12}(?:[x,]\d{1,12})*", shape):
            raise click.BadParameter(f"`{text}` is not NAME=SHAPE, as in image=8x3x224x224", ctx, option)
        if name in found:
            raise click.BadParameter(f"the shape of `{name}` is given twice", ctx, option)
        found[name] = tuple(int(size) for size in re.split("[x,]", shape))
    return found


def _settings(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    from archdsl.static import static_value

    found: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"`{text}` is not NAME=VALUE, as in classes=10", ctx, option)
        if not value.strip():
            raise click.BadParameter(f"`{text}` gives no value", ctx, option)
        if name in found:
            raise click.BadParameter(f"`{name}` is set twice", ctx, option)
        try:
            found[name] = static_value(value)
        except SpecError as error:
            reasons = "; ".join(diagnostic.message for diagnostic in error.diagnostics)
            raise click.BadParameter(f"the value of `{text}` cannot be read: {reasons}", ctx, option) from None
    return found
