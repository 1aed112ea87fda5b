"""What to write instead of each mistake that the compiler reports, and the parameters that the network then has."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent


class Correction(NamedTuple):
    """Texts to replace, by what with, in a faulty spec; nothing else is wrong with it."""

    params: int
    replacements: dict[str, str]


NETWORK: Final = (HERE / "correct" / "inception_resnet.arch").read_text(encoding="utf-8").split("\n\n")[-1]
VGG_BLOCK: Final = """\
block vgg_block(x, num_convs, out_channels, kernel_sizes = [3, 3]) {
    x -> for i in range(num_convs) {
        conv(out_channels, kernel_sizes[i], padding = kernel_sizes[i] // 2) -> relu
    } -> max_pool(2)
}
"""

CORRECTIONS: Final = {
    "Z1-imports-missing": Correction(
        8_032,
        {
            "block InceptionModule": 'import "correct/vgg.arch" (vgg_block)\n\nblock InceptionModule',
            "cat([": "concat([",
        },
    ),
    "A7-maps-of-55": Correction(649_600, {"stride = 4)": "stride = 4, padding = 2)"}),
    "V6-no-kernel-size": Correction(133_638_952, {'import "correct/vgg.arch" (vgg_block)\n': VGG_BLOCK}),
    "V7-in-channels-never-updated": Correction(
        138_357_544,
        {
            "repeat num_convs {": "for i in range(num_convs) {",
            "Conv2d(in_channels,": "Conv2d(in_channels if i == 0 else out_channels,",
        },
    ),
    "N7-no-forward": Correction(7_595_176, {"model = module model": "image -> model"}),
    "G3-maps-of-56": Correction(288_112, {"[N, 192, 56, 56]": "[N, 192, 28, 28]"}),
    "G6-loss-in-words": Correction(
        13_378_280,
        {
            "main classifier": "cross_entropy(logits)",
            "auxiliary classifier": "(cross_entropy(aux1) + cross_entropy(aux2))",
        },
    ),
    "G7-128-features": Correction(13_378_280, {"Linear(128,": "Linear(128 * 4 * 4,"}),
    "R5-arguments-not-passed": Correction(25_557_032, {"stride, use_conv1x1) {": "stride = 1, use_conv1x1 = false) {"}),
    "R6-projection-of-stride-two": Correction(
        25_557_032, {"conv(4 * channels, 1, stride = 2": "conv(4 * channels, 1, stride = stride"}
    ),
    "I8-blocks-only": Correction(22_756_328, {"InceptionResNetC)\n": f"InceptionResNetC, Stem)\n\n{NETWORK}"}),
    "X1-no-padding": Correction(25_028_904, {"stride = stride, groups": "stride = stride, padding = 1, groups"}),
    "X2-projection-of-stride-two": Correction(
        25_028_904, {"conv(out_channels, 1, stride = 2": "conv(out_channels, 1, stride = stride"}
    ),
    "X4-three-channels-after-the-stem": Correction(25_028_904, {"make_layer(3, width": "make_layer(64, width"}),
    "X6-output-of-4096": Correction(
        25_028_904, {"base_channels = 512": "base_channels = 256", "base_channels // 4": "base_channels // 2"}
    ),
    "X7-nothing-returned": Correction(25_028_904, {"x = image": "image"}),
}
