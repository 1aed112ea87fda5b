"""Devices, memory and links as people name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.placement.devices import Cluster, Device, Link, PlacementError, equal_devices
from archdsl.quantities import bytes_a_second, seconds, size_in_bytes

MOST_DEVICES = 64


def cluster(
    devices: int | Mapping[str, DeviceProfile],
    profile: DeviceProfile | None,
    memory: str | int | Mapping[str, str | int] | None,
    link: str | float,
    latency: str | float,
) -> Cluster:
    """The devices and their link. Raises `PlacementError` for what is none.

    Memory that is not given is that of a device's profile; a number is in bytes, a second, or seconds.
    """
    joined = Link(
        _quantity(link, bytes_a_second, "a rate as 25GB/s or 100Gbit/s"),
        _quantity(latency, seconds, "a time as 10us or 0.5ms"),
    )
    if isinstance(devices, Mapping):
        if profile is not None:
            raise PlacementError("devices that are named have profiles of their own; leave `profile` out")
        named = tuple(Device(name, own, own.memory) for name, own in devices.items())
    else:
        if profile is None:
            raise PlacementError("say what the devices are: a profile, as a100")
        named = equal_devices(devices, profile, profile.memory)
    if not 1 <= len(named) <= MOST_DEVICES:
        raise PlacementError(f"a network is placed on 1 to {MOST_DEVICES} devices, not {len(named)}")
    return Cluster(_with_memory(named, memory), joined)


def _with_memory(devices: tuple[Device, ...], memory: str | int | Mapping[str, str | int] | None) -> tuple[Device, ...]:
    if memory is None:
        return devices
    if not isinstance(memory, Mapping):
        memory = dict.fromkeys((device.name for device in devices), memory)
    unknown = [name for name in memory if name not in {device.name for device in devices}]
    if unknown:
        raise PlacementError(f"no device is called `{unknown[0]}`")
    sizes = {name: int(_quantity(given, size_in_bytes, "a size as 24GiB or 80GB")) for name, given in memory.items()}
    return tuple(Device(d.name, d.profile, sizes.get(d.name, d.memory)) for d in devices)


def _quantity(given: object, read: Callable[[str], float | None], what: str) -> float:
    """A number as it is, or what a text says."""
    found = read(given) if isinstance(given, str) else given
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < 1e18:
        raise PlacementError(f"`{given!s:.80}` is not {what}")
    return float(found)
