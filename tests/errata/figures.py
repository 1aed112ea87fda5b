"""The figures that the errata give, by spec: faulty ones, their corrections, and networks that ship."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

NOTHING: Final = MappingProxyType[str, Any]({})


class Figures(NamedTuple):
    """What the report of a spec says: totals (`params`), and columns of layers (`conv1.shape`)."""

    erratum: str
    spec: str
    values: Mapping[str, int | list[int]]
    given: Mapping[str, Any] = NOTHING  # settings and inputs


def _maps(**sizes: tuple[int, ...]) -> dict[str, int | list[int]]:
    """Shapes of layers, for one image; `__` is a dot in a path."""
    return {f"{layer.replace('__', '.')}.shape": [1, *shape] for layer, shape in sizes.items()}


FIGURES: Final = [
    # AlexNet
    Figures("A6", "correct/alexnet.arch", {"params": 60_965_224}),
    Figures(
        "A7",
        "correct/alexnet.arch",
        _maps(conv1=(96, 55, 55), pool1=(96, 27, 27), pool2=(256, 13, 13), pool5=(256, 6, 6)),
    ),
    Figures(
        "A8",
        "A8-padding-of-one.arch",
        _maps(conv1=(96, 54, 54), pool1=(96, 26, 26), pool2=(256, 12, 12), pool5=(256, 5, 5), flatten=(6400,)),
    ),
    Figures("A8", "A8-padding-of-one.arch", {"params": 50_844_008}, {"groups": 1}),
    Figures(
        "A8",
        "A8-padding-of-one.arch",
        {"params": 62_378_344, "conv1.shape": [1, 96, 55, 55]},
        {"groups": 1, "inputs": {"image": (1, 3, 227, 227)}},
    ),
    Figures("A9", "A9-no-groups.arch", {"params": 62_378_344}),
    # The 384 kernels of conv3 are split over the two GPUs, and each reads all 256 maps of layer 2.
    Figures(
        "A10",
        "alexnet",
        {"tower0.upper.conv3.shape": [1, 192, 13, 13], "tower0.upper.conv3.params": 192 * (256 * 9 + 1)},
    ),
    # So are the dense layers, whose neurons each read all of the layer before.
    Figures(
        "A11", "alexnet", {"tower0.fc6.linear.params": 2048 * (9216 + 1), "tower1.fc7.linear.params": 2048 * (4096 + 1)}
    ),
    # VGG
    Figures(
        "V3",
        "V3-two-3x3-or-one-5x5.arch",
        {"stack1.params": 9 * 64 * 128, "stack2.params": 221_184 - 9 * 64 * 128, "single.params": 204_800},
    ),
    Figures("V7", "correct/vgg.arch:a", {"params": 132_863_336}),
    Figures("V7", "correct/vgg.arch:b", {"params": 133_047_848}),
    Figures("V7", "correct/vgg.arch:d", {"params": 138_357_544}),
    Figures("V7", "correct/vgg.arch:e", {"params": 143_667_240}),
    # NiN
    Figures("N2", "N2-dense-layer-after-5x5.arch", {"article.params": 26_214_400, "alexnet.params": 37_748_736}),
    Figures("N4", "N4-kernels-of-1x1.arch", {"neuron.params": 192, "layer.params": 36_864}),
    Figures("N8", "N8-ten-classes.arch", {"params": 2_015_398}),
    Figures("N8", "N8-ten-classes.arch", {"params": 7_439_608}, {"classes": 1000}),
    Figures("N8", "correct/nin.arch", {"params": 7_595_176}),
    Figures(
        "N10",
        "N10-partial-windows-dropped.arch",
        _maps(block1__conv=(96, 54, 54), pool1=(96, 26, 26), pool2=(256, 12, 12), pool3=(384, 5, 5)),
    ),
    Figures(
        "N10",
        "correct/nin.arch",
        _maps(block1__conv=(96, 54, 54), pool1=(96, 27, 27), pool2=(256, 13, 13), pool3=(384, 6, 6)),
    ),
    # GoogLeNet
    Figures(
        "G4",
        "G4-7x7-or-three-3x3.arch",
        {"single.receptive_field": [7, 7], "last.2.receptive_field": [7, 7], "first.2.receptive_field": [11, 11]},
    ),
    Figures(
        "G5",
        "correct/googlenet.arch",
        _maps(aux1__avg_pool=(512, 4, 4), aux1__conv=(128, 4, 4), aux1__fc1=(1024,), aux1__fc2=(1000,)),
    ),
    Figures("G7", "correct/googlenet.arch", {"params": 13_378_280}),
    Figures(
        "G8",
        "G8-pools-with-borders.arch",
        _maps(
            pool1__max_pool=(64, 56, 56),
            pool2__max_pool=(192, 28, 28),
            pool3__max_pool=(480, 14, 14),
            pool4__max_pool=(832, 7, 7),
        ),
    ),
    # ResNet
    Figures("R7", "R7-biases-before-norms.arch", {"params": 25_583_592}),
    Figures("R7", "correct/resnet.arch", {"params": 25_557_032}),
    Figures(
        "R8", "R8-stride-in-the-3x3.arch", {"macs": 4_089_184_256, "layer4.blocks.2.add.receptive_field": [427, 427]}
    ),
    Figures("R8", "correct/resnet.arch", {"macs": 3_857_973_248, "layer4.blocks.2.add.receptive_field": [483, 483]}),
    # Inception-ResNet
    Figures("I8", "correct/inception_resnet.arch", {"params": 22_756_328}),
    Figures(
        "I8",
        "correct/inception_resnet.arch",
        _maps(
            a__4__relu=(256, 35, 35),
            reduction_a__concat=(896, 17, 17),
            b__9__relu=(896, 17, 17),
            reduction_b__concat=(1792, 8, 8),
            c__4__relu=(1792, 8, 8),
        ),
    ),
    # ResNeXt
    Figures("X3", "X3-every-shortcut-projected.arch", {"params": 29_202_792}, {"base_width": 2, "bias": True}),
    Figures("X5", "X5-stem-not-padded.arch", _maps(conv1=(64, 109, 109), pool=(64, 54, 54))),
    Figures("X5", "correct/resnext.arch", _maps(conv1=(64, 112, 112), pool=(64, 56, 56))),
    # 2 channels in a group, where there should be 4
    Figures("X6", "X6-width-of-32x2d.arch", {"layer1.blocks.0.conv2.params": 64 * 2 * 9}),
    Figures("X6", "X6-width-of-32x2d.arch", {"params": 14_620_008}, {"bias": True}),
    Figures("X6", "correct/resnext.arch", {"layer1.blocks.0.conv2.params": 128 * 4 * 9}),
    Figures("X8", "X8-biases-before-norms.arch", {"params": 25_063_016}),
    Figures("X8", "correct/resnext.arch", {"params": 25_028_904}),
]
