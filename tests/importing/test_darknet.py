"""darknet's configurations: what its options mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from archdsl.errors import SpecError
from archdsl.imported import ImportedNetwork
from tests.importing.yolo import section

Importing = Callable[..., ImportedNetwork]
NET = section("net", width=12, height=12, channels=4)
X = torch.rand(2, 4, 12, 12) - 0.5


@pytest.fixture
def imported(import_text: Importing) -> Importing:
    return partial(import_text, "net.cfg")


def bordered(x: Tensor, before: int, after: int) -> Tensor:
    return functional.pad(x, (before, after, before, after), value=float("-inf"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (section("maxpool", size=2, stride=2), functional.max_pool2d(X, 2)),
        (section("maxpool", size=2, stride=1), functional.max_pool2d(bordered(X, 0, 1), 2, 1)),
        (section("maxpool", size=3, stride=3), functional.max_pool2d(X, 3, 3, 1)),
        (section("maxpool", size=4, stride=4), functional.max_pool2d(bordered(X, 1, 2), 4)),
        (section("maxpool", size=5, stride=1), functional.max_pool2d(X, 5, 1, 2)),
        (section("maxpool", size=2, stride=2, padding=0), functional.max_pool2d(X, 2)),
        (section("avgpool"), X.mean((2, 3), keepdim=True)),
        (section("avgpool") + section("softmax"), X.mean((2, 3)).softmax(1)),
        (section("upsample", stride=2), functional.interpolate(X, scale_factor=2)),
        (section("avgpool") + section("upsample", stride=1) + section("scale_channels", **{"from": -2}),
         X.mean((2, 3), keepdim=True) ** 2),
        (section("upsample", stride=1) + section("route", layers="-1", groups=2, group_id=1), X[:, 2:]),
        (section("upsample", stride=1) + section("route", layers="-1,0", groups=2), torch.cat([X[:, :2]] * 2, 1)),
        (section("upsample", stride=1) + section("shortcut", **{"from": "0,-1"}, activation="leaky"),
         functional.leaky_relu(3 * X, 0.1)),
    ],
)  # fmt: skip
def test_a_section_computes_what_darknet_defines(text: str, wanted: Tensor, imported: Importing) -> None:
    torch.testing.assert_close(imported(NET + text).compile().eval()(X), wanted)


def test_what_is_no_activation_is_the_logistic_function(imported: Importing) -> None:
    text = NET + section("convolutional", filters=2) + section("connected", output=3, batch_normalize=1)
    written = imported(text).text
    assert written.count("sigmoid") == 2
    assert "linear(3, bias = false)" in written


def test_strides_may_differ(imported: Importing) -> None:
    text = NET + section("convolutional", filters=2, size=3, stride_x=1, stride_y=2, activation="linear")
    assert "conv(2, 3, stride = [2, 1])" in imported(text).text


def test_sizes_that_the_file_has_not_must_be_said(imported: Importing) -> None:
    text = section("net", channels=3) + section("maxpool", size=2)
    with pytest.raises(SpecError, match=r"net.cfg:1: in \[net\] there are no `height` and `width`"):
        imported(text)
    assert "image: [N, 3, 64, 32]" in imported(text, image=(1, 3, 64, 32)).text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (section("convolutional", antialiasing=1), "1 × darknet's `antialiasing` in [convolutional]"),
        (section("convolutional", filters="many"), "net.cfg:6: in [convolutional] `filters` = many is no number"),
        (section("convolutional", filters=0), "`filters` is 0, which is less than 1"),
        (section("upsample") + section("route", layers="-1", groups=3), "there is no group 0 of 3 among 4 channels"),
        (section("shortcut"), "net.cfg:6: in [shortcut] `from` is missing"),
        (section("softmax", temperature=2), "with a temperature"),
    ],
)
def test_what_is_not_understood_is_said(text: str, message: str, imported: Importing) -> None:
    with pytest.raises(SpecError) as caught:
        imported(NET + text)
    assert message in str(caught.value)
