"""Device profiles by name, or from a file that `archdsl calibrate` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from archdsl.diagnostics import did_you_mean
from archdsl.measure.time.device_profile import DeviceProfile, ProfileError, from_dict
from archdsl.measure.time.gpus import GPUS

MAX_BYTES: Final = 2**20


def find_profile(name: str) -> DeviceProfile:
    """The profile of a GPU in `GPUS`, or that in a file whose name ends with `.json`. Raises `ProfileError`."""
    if name in GPUS:
        return GPUS[name]
    path = Path(name)
    if path.suffix != ".json":
        help = did_you_mean(name, GPUS) or f"known are {', '.join(GPUS)}, and files that `archdsl calibrate` writes"
        raise ProfileError(f"no device profile is called `{name}`; {help}")
    try:
        if not path.is_file():
            raise ProfileError(f"no file is called `{name}`; `archdsl calibrate -o {name}` writes a profile")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ProfileError(f"`{name}` is larger than {MAX_BYTES:,} bytes")
        return from_dict(json.loads(data))
    except ProfileError as error:
        raise ProfileError(str(error) if name in str(error) else f"`{name}` cannot be used: {error}") from None
    except OSError as error:
        raise ProfileError(f"cannot read `{name}`: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError):
        raise ProfileError(f"`{name}` is no JSON") from None
