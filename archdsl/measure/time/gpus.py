"""Profiles of common GPUs, from their makers' data sheets.

Rates are peaks for dense tensors (half of what is printed for sparse ones). Real kernels reach a part of them, so a
time that comes out of these is a bound: nothing is faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.measure.time.device_profile import ANY, DeviceProfile, Pass, level

# A kernel in a row of short ones begins this long after the one before: NVIDIA, "Getting Started with CUDA Graphs",
# 2019, measures 3.8 µs for one of 2.9 µs.
LAUNCH: Final = 3.8e-6
TERA, GIGA = 10**12, 10**9
CUDNN: Final = ("conv", "conv_transpose")  # torch lets cuDNN round their float32 to TF32


class _Sheet(NamedTuple):
    """A data sheet: TFLOPS in float32, of tensor cores in TF32 and in bfloat16 (0: none), GB/s and GB."""

    title: str
    fp32: float
    tf32: float
    bf16: float
    bandwidth: float
    memory: int
    source: str


_SHEETS: Final = {
    "v100": _Sheet("V100 SXM2 32 GB", 15.7, 0, 0, 900, 32, "NVIDIA V100 datasheet, 2020"),
    "t4": _Sheet("T4", 8.1, 0, 0, 320, 16, "NVIDIA T4 datasheet, 2019"),
    "a10": _Sheet("A10", 31.2, 62.5, 125, 600, 24, "NVIDIA A10 datasheet, 2021"),
    "a100-40gb": _Sheet("A100 SXM 40 GB", 19.5, 156, 312, 1555, 40, "NVIDIA A100 datasheet, 2020"),
    "a100": _Sheet("A100 SXM 80 GB", 19.5, 156, 312, 2039, 80, "NVIDIA A100 datasheet, 2021"),
    "a100-pcie": _Sheet("A100 PCIe 80 GB", 19.5, 156, 312, 1935, 80, "NVIDIA A100 datasheet, 2021"),
    "rtx3090": _Sheet("GeForce RTX 3090", 35.6, 35.6, 71, 936, 24, "NVIDIA Ampere GA102 whitepaper, 2021, appendix A"),
    "rtx4090": _Sheet("GeForce RTX 4090", 82.6, 82.6, 165.2, 1008, 24, "NVIDIA Ada whitepaper, 2022, appendix A"),
    "l4": _Sheet("L4", 30.3, 60, 121, 300, 24, "NVIDIA L4 datasheet, 2023"),
    "l40s": _Sheet("L40S", 91.6, 183, 362, 864, 48, "NVIDIA L40S datasheet, 2023"),
    "h100": _Sheet("H100 SXM", 67, 494.7, 989.4, 3350, 80, "NVIDIA H100 datasheet, 2023"),
    "h100-pcie": _Sheet("H100 PCIe", 51, 378, 756.5, 2000, 80, "NVIDIA H100 datasheet, 2023"),
    "h200": _Sheet("H200 SXM", 67, 494.7, 989.4, 4800, 141, "NVIDIA H200 datasheet, 2024"),
}  # fmt: skip


def _profile(name: str, sheet: _Sheet) -> DeviceProfile:
    arithmetic = {"fp32": {ANY: level(sheet.fp32 * TERA)}}
    if sheet.tf32:
        arithmetic["fp32"] |= dict.fromkeys(CUDNN, level(sheet.tf32 * TERA))
    if sheet.bf16:
        arithmetic["bf16"] = {ANY: level(sheet.bf16 * TERA)}
    # A peak counts a multiply-add as two, all other operations are one each.
    one = Pass(arithmetic, {ANY: level(sheet.fp32 * TERA / 2)})
    return DeviceProfile(
        name=name,
        title=f"NVIDIA {sheet.title}",
        hardware="cuda",
        source=sheet.source,
        reading=level(sheet.bandwidth * GIGA),
        writing=level(sheet.bandwidth * GIGA),
        weights=level(sheet.bandwidth * GIGA),
        launch=LAUNCH,
        forward=one,
        backward=one,
        memory=sheet.memory * GIGA,
        peaks=True,
    )


USUAL: Final = "a100"  # the device that a page predicts times for, unless another is named
GPUS: Final[Mapping[str, DeviceProfile]] = MappingProxyType({n: _profile(n, sheet) for n, sheet in _SHEETS.items()})
