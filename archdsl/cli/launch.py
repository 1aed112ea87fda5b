"""`archdsl launch`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("launch", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("script", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--nproc-per-node", "processes", type=click.IntRange(1), help="Processes here; else a device's each.")
@click.option("--nnodes", "machines", type=click.IntRange(1), default=1, show_default=True, help="Machines.")
@click.option("--node-rank", "machine", type=click.IntRange(0), default=0, help="Which of them this is.")
@click.option("--master-addr", "address", metavar="HOST", help="The address of the first of several machines.")
@click.option(
    "--master-port", "port", type=click.IntRange(1, 65535), default=29500, show_default=True, help="Its port."
)
@click.option(
    "--max-restarts", "restarts", type=click.IntRange(0), default=0, show_default=True,
    help="How often all processes are started again when one fails.",
)  # fmt: skip
def command(
    plan: Path,
    script: Path,
    arguments: tuple[str, ...],
    processes: int | None,
    machines: int,
    machine: int,
    address: str | None,
    port: int,
    restarts: int,
) -> int:
    """Run a script in the processes of a plan, as torchrun does: options come before PLAN, those of SCRIPT after it.

    The same as `torchrun --nproc-per-node N -m archdsl.launch PLAN SCRIPT`. With more processes than the plan has
    devices there are several replicas.
    """
    from archdsl.backends import backend
    from archdsl.distributed import checked
    from archdsl.placement.devices import PlacementError
    from archdsl.placement.reading import read_plan

    try:
        found = read_plan(plan)
        each = processes or max(1, len(found.devices) // machines)
        checked(str(plan), str(script), each * machines)
    except PlacementError as error:
        raise click.UsageError(str(error)) from None
    if machines > 1 and address is None:
        raise click.UsageError("several machines need --master-addr, the address of the first")
    options = [f"--max-restarts={restarts}"]
    if machines == 1:
        options.append("--standalone")
    else:
        options += [f"--nnodes={machines}", f"--node-rank={machine}", f"--master-addr={address}"]
        options.append(f"--master-port={port}")
    status: int = backend("compiler.distributed").start(each, options, str(plan), [str(script), *arguments])
    return status
