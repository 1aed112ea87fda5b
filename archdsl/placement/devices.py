"""The devices that a network may be placed on, and the link between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archdsl.measure.time.device_profile import DeviceProfile


class PlacementError(ValueError):
    """What was asked has no answer; the message says why, and what to change."""


@dataclass(frozen=True)
class Device:
    """One device. `memory` is in bytes; None: not known, and not held against the network."""

    name: str
    profile: DeviceProfile
    memory: int | None


@dataclass(frozen=True, slots=True)
class Link:
    """What joins any two devices: bytes a second in each direction, and seconds before the first of them arrives."""

    bandwidth: float
    latency: float = 0.0

    def seconds(self, bytes: float, messages: int = 1) -> float:
        return bytes / self.bandwidth + messages * self.latency


@dataclass(frozen=True)
class Cluster:
    """Devices and the link between them. `named` are those that no other may stand for, as a spec marks them."""

    devices: tuple[Device, ...]
    link: Link
    named: frozenset[str] = frozenset()

    @cached_property
    def profiles(self) -> tuple[DeviceProfile, ...]:
        """The profiles that occur, each once."""
        return tuple({id(device.profile): device.profile for device in self.devices}.values())

    def row(self, device: Device) -> int:
        """The number of a device's profile, by which times are told."""
        return next(row for row, profile in enumerate(self.profiles) if profile is device.profile)

    @cached_property
    def kinds(self) -> tuple[tuple[Device, ...], ...]:
        """Devices that may stand for one another, together: of one profile, with as much memory."""
        found: dict[tuple[int, int | None, str], list[Device]] = {}
        for device in self.devices:
            name = device.name if device.name in self.named else ""
            found.setdefault((id(device.profile), device.memory, name), []).append(device)
        return tuple(tuple(alike) for alike in found.values())

    @property
    def alike(self) -> bool:
        return len(self.kinds) == 1


def equal_devices(count: int, profile: DeviceProfile, memory: int | None) -> tuple[Device, ...]:
    """So many devices of one kind, called `gpu0`, `gpu1`, …"""
    return tuple(Device(f"gpu{i}", profile, memory) for i in range(count))
