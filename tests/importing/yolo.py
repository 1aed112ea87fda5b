"""Configurations of YOLO networks, as darknet and Ultralytics define them."""

from __future__ import annotations


def section(kind: str, **options: object) -> str:
    return f"[{kind}]\n" + "".join(f"{name}={value}\n" for name, value in options.items()) + "\n"


def conv(filters: int, size: int = 3, stride: int = 1, activation: str = "leaky") -> str:
    normed = {"batch_normalize": 1} if activation != "linear" else {}
    return section("convolutional", **normed, filters=filters, size=size, stride=stride, pad=1, activation=activation)


def part(width: int) -> str:
    """Half of the maps go through two convolutions; all are kept, and a pool follows."""
    return (
        conv(width)
        + section("route", layers=-1, groups=2, group_id=1)
        + conv(width // 2)
        + conv(width // 2)
        + section("route", layers="-1,-2")
        + conv(width, 1)
        + section("route", layers="-6,-1")
        + section("maxpool", size=2, stride=2)
    )


def v4_tiny() -> str:
    """yolov4-tiny (Wang et al., 2021, arXiv:2011.08036), with outputs for the 80 classes of COCO."""
    text = "# a comment\n" + section("net", batch=1, width=416, height=416, channels=3)
    text += conv(32, 3, 2) + conv(64, 3, 2) + part(64) + part(128) + part(256) + conv(512)
    text += conv(256, 1) + conv(512) + conv(255, 1, activation="linear") + section("yolo", mask="3,4,5", classes=80)
    text += (
        section("route", layers=-4) + conv(128, 1) + section("upsample", stride=2) + section("route", layers="-1, 23")
    )
    return text + conv(256) + conv(255, 1, activation="linear") + section("yolo", mask="1,2,3", classes=80)


def residual(width: int, times: int) -> str:
    """Half of the maps, all of them again, and what came before on top."""
    return (conv(width // 2, 1) + conv(width) + section("shortcut", **{"from": -3}, activation="linear")) * times


def v3() -> str:
    """yolov3 (Redmon and Farhadi, 2018, arXiv:1804.02767) at 416 pixels, with outputs for the 80 classes of COCO."""
    text = section("net", width=416, height=416, channels=3) + conv(32)
    for width, times in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        text += conv(width, 3, 2) + residual(width, times)
    for width, layer in ((512, None), (256, 61), (128, 36)):
        if layer is not None:
            text += section("route", layers=-4) + conv(width, 1) + section("upsample", stride=2)
            text += section("route", layers=f"-1, {layer}")
        text += (conv(width, 1) + conv(2 * width)) * 3 + conv(255, 1, activation="linear") + section("yolo", classes=80)
    return text


V8 = """
nc: 80
scales: # depth, width, most channels
  n: [0.33, 0.25, 1024]
  s: [0.33, 0.50, 1024]
  m: [0.67, 0.75, 768]
  l: [1.00, 1.00, 512]
  x: [1.00, 1.25, 512]
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 3, C2f, [128, True]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 6, C2f, [256, True]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 6, C2f, [512, True]]
  - [-1, 1, Conv, [1024, 3, 2]]
  - [-1, 3, C2f, [1024, True]]
  - [-1, 1, SPPF, [1024, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 6], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 4], 1, Concat, [1]]
  - [-1, 3, C2f, [256]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 12], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [[-1, 9], 1, Concat, [1]]
  - [-1, 3, C2f, [1024]]
  - [[15, 18, 21], 1, Detect, [nc]]
"""

V11 = """
nc: 80
scales:
  n: [0.50, 0.25, 1024]
  s: [0.50, 0.50, 1024]
  m: [0.50, 1.00, 512]
  l: [1.00, 1.00, 512]
  x: [1.00, 1.50, 512]
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 2, C3k2, [256, False, 0.25]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 2, C3k2, [512, False, 0.25]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 2, C3k2, [512, True]]
  - [-1, 1, Conv, [1024, 3, 2]]
  - [-1, 2, C3k2, [1024, True]]
  - [-1, 1, SPPF, [1024, 5]]
  - [-1, 2, C2PSA, [1024]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 6], 1, Concat, [1]]
  - [-1, 2, C3k2, [512, False]]
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 4], 1, Concat, [1]]
  - [-1, 2, C3k2, [256, False]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 13], 1, Concat, [1]]
  - [-1, 2, C3k2, [512, False]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [[-1, 10], 1, Concat, [1]]
  - [-1, 2, C3k2, [1024, True]]
  - [[16, 19, 22], 1, Detect, [nc]]
"""
