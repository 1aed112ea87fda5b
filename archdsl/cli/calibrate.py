"""`archdsl calibrate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from archdsl.backends import backend
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.terminal import progress


@click.command("calibrate")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The profile's file, NAME.json.")
@click.option("--device", default="cpu", show_default=True, help="What to measure: cpu, cuda:0.")
@click.option(
    "--dtype", "dtypes", type=click.Choice(["fp32", "bf16"]), multiple=True, default=["fp32"], show_default=True,
    help="A precision to measure; may be given again.",
)  # fmt: skip
def command(output: Path, device: str, dtypes: tuple[str, ...]) -> int:
    """Measure how fast this machine computes and moves bytes, for `report --time` and `bench`.

    It takes under a minute. Nothing else should run meanwhile.
    """
    if output.suffix != ".json":
        raise click.BadParameter(f"a profile is a .json file, not {output.suffix or 'without a suffix'}")
    try_place(output)
    from archdsl.write import write_atomically

    wanted = tuple(dict.fromkeys(dtypes))
    with progress(sys.stderr) as told:
        profile = backend("compiler").calibrate(device, name=output.stem, dtypes=wanted, progress=told)
    data = json.dumps(profile.to_dict(), indent=1).encode()
    write_or_keep(output, lambda path: write_atomically(path, data))
    wrote(output, f": {profile.title}")
    return 0
