"""What people call things elsewhere: the right advice, and no fix that writes the name of another thing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from archdsl import vocabulary
from archdsl.diagnostics import Diagnostic, distance, is_slip
from archdsl.errors import SpecError
from archdsl.habits import unknown_operator, unknown_parameter
from archdsl.ops import OPERATORS, parameter_table
from archdsl.pipeline import check
from archdsl.repair import repair
from archdsl.source import Source, Span

KERAS = """
Activation ActivityRegularization Add AdditiveAttention
AlphaDropout Attention Average AveragePooling1D AveragePooling2D
AveragePooling3D BatchNormalization Bidirectional CategoryEncoding
CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D
Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D Dense
DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell
GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention Hashing HashedCrossing Identity Input
InputLayer InputSpec IntegerLookup LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU Masking MaxPooling1D
MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum
MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization
RNN RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom ReLU
RepeatVector Rescaling Reshape Resizing SeparableConv1D
SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D
SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization
TimeDistributed UnitNormalization UpSampling1D UpSampling2D
UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D
""".split()
CAFFE = """
AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias
Clip Concat ContrastiveLoss Convolution Crop Data Deconvolution Dropout
DummyData ELU Eltwise Embed EuclideanLoss Exp Filter
Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData InfogainLoss
InnerProduct Input LRN LSTM Log MVN MemoryData MultinomialLogisticLoss PReLU Parameter Pooling Power Python RNN ReLU
Recurrent Reduction Reshape SPP Scale Sigmoid
SigmoidCrossEntropyLoss Silence Slice Softmax SoftmaxWithLoss Split Swish
TanH Threshold Tile WindowData
""".split()
DARKNET = """
activation avgpool batchnorm connected conv convolutional cost crnn crop deconv detection dropout gru iseg local
logistic lstm maxpool net normalization reorg rnn route sam scale_channels shortcut softmax upsample yolo leaky linear
""".split()
TORCH = sorted(
    name
    for module in (torch, torch.nn, torch.nn.functional)
    for name in dir(module)
    if name.isidentifier() and not name.startswith("_")
)
# Every word of all these that a fix writes anew, but for case, underscores and dimensions: read by a person. One that
# comes here anew has to be as well.
RENAMED = {
    "bmm": "matmul", "mm": "matmul", "cat": "concat", "concatenate": "concat", "divide": "div", "multiply": "mul",
    "subtract": "sub", "dense": "linear", "connected": "linear", "innerproduct": "linear", "embed": "embedding",
    "convolution": "conv", "convolutional": "conv", "deconvolution": "conv_transpose", "deconv": "conv_transpose",
    "convtranspose": "conv_transpose", "lrn": "local_response_norm", "leaky": "leaky_relu", "logistic": "sigmoid",
    "swish": "silu", "averagepooling": "avg_pool", "maxpooling": "max_pool", "globalaveragepooling": "global_avg_pool",
    "batchnormalization": "batch_norm", "layernormalization": "layer_norm", "groupnormalization": "group_norm",
    "bcewithlogitsloss": "binary_cross_entropy_with_logits", "crossentropyloss": "cross_entropy",
    "sigmoidcrossentropyloss": "binary_cross_entropy_with_logits", "softmaxwithloss": "cross_entropy",
    "smoothl1loss": "smooth_l1_loss", "concat": "concat", "localresponsenorm": "local_response_norm",
    "bceloss": "binary_cross_entropy", "kldivloss": "kl_div", "rmsnormalization": "rms_norm", "absolute": "abs",
    "absval": "abs", "clip": "clamp", "spatialdropout": "dropout2d", "lazylinear": "linear", "lazyconv": "conv",
    "lazybatchnorm": "batch_norm", "lazyinstancenorm": "instance_norm", "featuredropout": "dropout2d",
    "gridsampler": "grid_sample",
}  # fmt: skip


def said(name: str, known: list[str] | None = None) -> Diagnostic:
    source = Source("n.arch", name)
    return unknown_operator(name, known or [*OPERATORS], Span(source, 0, len(name)))


def plain(name: str) -> str:
    """A word without what does not change its meaning."""
    squashed = vocabulary.squashed(name)
    for dims in ("1d", "2d", "3d"):
        squashed = squashed.replace(dims, "")
    return squashed


@pytest.mark.parametrize("words", [TORCH, KERAS, CAFFE, DARKNET], ids=["torch", "keras", "caffe", "darknet"])
def test_no_fix_writes_the_name_of_another_thing(words: list[str]) -> None:
    wrong = {}
    for name in words:
        fix = said(name).fix if name not in OPERATORS else None
        if fix is not None and plain(fix.replacement) != plain(name) and RENAMED.get(plain(name)) != fix.replacement:
            wrong[name] = fix.replacement
    assert wrong == {}


@pytest.mark.parametrize("words", [TORCH, KERAS, CAFFE, DARKNET], ids=["torch", "keras", "caffe", "darknet"])
def test_what_is_advised_is_an_operator(words: list[str]) -> None:
    for name in words:
        word = vocabulary.operator(name)
        assert word is None or word.meant is None or word.meant in OPERATORS


def test_the_table_speaks_of_what_there_is() -> None:
    assert {word.meant for word in vocabulary.OPERATORS.values() if word.meant} <= set(OPERATORS)
    taken = {name for operator in OPERATORS.values() for name in parameter_table(operator)}
    assert {meant for words in vocabulary.PARAMETERS.values() for meant in words} <= taken


NAMES_OF_TORCH = sorted(
    name
    for module, kind in ((torch.nn.functional, "function"), (torch.nn, "class"))
    for name, found in vars(module).items()
    if not name.startswith("_")
    and (kind == "class") == isinstance(found, type)
    and callable(found)
    and (kind == "function" or issubclass(found, torch.nn.Module))
    and "torch_function" not in name
    and name not in ("boolean_dispatch", "assert_int_or_pair", "Optional", "Module", "Container")
)


@pytest.mark.parametrize("name", NAMES_OF_TORCH)
def test_every_name_of_torch_is_an_operator_or_has_its_advice(name: str) -> None:
    there = {plain(operator) for operator in OPERATORS}
    assert name in OPERATORS or plain(name) in there or vocabulary.operator(name) is not None


@pytest.mark.parametrize("name", sorted({*vocabulary.OPERATORS, *vocabulary.SPELLED}))
def test_no_word_of_the_table_is_changed_by_its_letters_alone(name: str) -> None:
    word = vocabulary.operator(name)
    assert word is not None
    fix = said(name).fix if name not in OPERATORS else None
    own = [operator for operator in OPERATORS if vocabulary.squashed(operator) == vocabulary.squashed(name)]
    assert fix is None or fix.replacement in [*own, word.meant]


@pytest.mark.parametrize("pair", vocabulary.OPPOSITES, ids="/".join)
def test_no_opposite_of_an_operator_is_changed_into_it(pair: tuple[str, str]) -> None:
    wrong = {}
    for operator in OPERATORS:
        for a, b in (pair, pair[::-1]):
            other = re.sub(a if a and b else rf"(?<![a-z]){a}", b, operator, count=1)  # a prefix, or a word in it
            if other not in OPERATORS and other != operator and not other.startswith(("unun", "dede")):
                fix = said(other).fix
                if fix is not None and vocabulary.squashed(fix.replacement) == vocabulary.squashed(operator):
                    wrong[other] = operator
    assert {
        other: meant for other, meant in wrong.items() if vocabulary.squashed(other) != vocabulary.squashed(meant)
    } == {}


OPPOSITES = [
    "pixel_unshuffle", "global_max_pool", "glu", "linear_attention", "celu", "selu", "min_pool", "adaptive_min_pool",
    "softmin", "logsigmoid", "minimum", "unpool", "max_unpool", "unsplit", "dechunk", "hardtanh", "hardshrink", "addr",
    "lp_norm", "cov", "conj", "smm", "prod", "norm", "rms_norm", "median", "expm1", "log_softmin", "convtranspose",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in OPPOSITES if name not in OPERATORS])
def test_fix_leaves_a_word_for_another_thing_as_it_is(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text(f"network Net(x: [N, 16, 8, 8]) {{ x -> {name}(2) }}\n", encoding="utf-8")
    done = repair(os.fspath(spec))
    assert done.changed == []
    assert [fault.code for fault in done.left] == ["unknown-operator"]


@pytest.mark.parametrize(
    ("written", "fixed"),
    [
        ("x -> swish", "x -> silu"),
        ("x -> flatten -> Dense(10)", "x -> flatten -> linear(10)"),
        ("x -> flatten -> fc(10)", "x -> flatten -> linear(10)"),
        ("x -> bn", "x -> batch_norm"),
        ("x -> BatchNorm2d(16)", "x -> batch_norm"),
        ("x -> deconv(8, 2)", "x -> conv_transpose(8, 2)"),
        ("x -> view([N, 64, 16])", "x -> reshape([N, 64, 16])"),
        ("x -> Conv2D(8, 3, strides = 2)", "x -> conv(8, 3, stride = 2)"),
        ("x -> MaxPooling2D(pool_size = 2)", "x -> max_pool(kernel_size = 2)"),
        ("x -> conv(filters = 8, kernel = 3)", "x -> conv(out_channels = 8, kernel_size = 3)"),
        (
            "x -> flatten -> linear(units = 8, use_bias = false)",
            "x -> flatten -> linear(out_features = 8, bias = false)",
        ),
        ("x -> LeakyReLU(alpha = 0.2)", "x -> leaky_relu(negative_slope = 0.2)"),
        ("x -> softmax(axis = 1)", "x -> softmax(dim = 1)"),
        ("x -> Dropout(rate = 0.2)", "x -> dropout(p = 0.2)"),
        ("x -> conv(8, 3, dilation_rate = 2)", "x -> conv(8, 3, dilation = 2)"),
        ("cat([x, x])", "concat([x, x])"),
    ],
)
def test_a_word_of_others_is_fixed(written: str, fixed: str, tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text(f"network Net(x: [N, 16, 8, 8]) {{ {written} }}\n", encoding="utf-8")
    done = repair(os.fspath(spec))
    assert done.left == ()
    assert done.after[os.fspath(spec)] == f"network Net(x: [N, 16, 8, 8]) {{ {fixed} }}\n"


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("upsample", "interpolate(scale_factor = 2)"),
        ("Conv2d", "the input's channels are known: write `conv(out_channels, kernel_size)`"),
        ("MultiheadAttention", "multihead_attention(query, key, value, num_heads)"),
        ("space_to_depth", "`pixel_unshuffle` orders the channels in another way"),
        ("transpose", "permute([0, 2, 1])"),
        ("Sequential", "braces are a sequence"),
        ("lstm_cell", "one of your own can"),
        ("erf", "one of your own can"),
        ("max", "maximum(a, b)"),
        ("hardshrink", "one of your own can"),
        ("C2f", "a block of several layers"),
        ("GroupNorm", "group_norm(num_groups)"),
        ("globalmaxpool", "adaptive_max_pool(1)"),
        ("ZeroPad2d", "pad([left, right, top, bottom])"),
        ("Reshape", "the batch included"),
    ],
)
def test_a_word_of_others_gets_its_advice(name: str, help: str) -> None:
    found = said(name)
    assert help in (found.help or "")
    assert found.fix is None


@pytest.mark.parametrize(
    ("callee", "name", "help"),
    [
        ("conv", "in_channels", "leave it out: it is known from the input"),
        ("relu", "inplace", "leave it out"),
        ("conv", "activation", "a step of its own"),
        ("conv", "name", "a label names a layer"),
        ("dropout", "keep_prob", "1 less what is kept"),
        ("conv", "device", "`step @gpu0`"),
    ],
)
def test_a_parameter_that_is_none_gets_its_advice(callee: str, name: str, help: str) -> None:
    source = Source("n.arch", name)
    found = unknown_parameter(callee, name, parameter_table(OPERATORS[callee]), Span(source, 0, len(name)), [])
    assert help in (found.help or "")
    assert found.fix is None


def test_a_block_of_ones_own_may_be_called_by_a_word_of_others(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("block swish(x) { x * sigmoid(x) }\nnetwork Net(x: [N, 8]) { x -> swish }\n", encoding="utf-8")
    assert len(check(spec)) == 1


@pytest.mark.parametrize(
    ("written", "meant", "slip"),
    [
        ("rleu", "relu", True),
        ("max_pol", "max_pool", True),
        ("liner", "linear", True),
        ("Relu", "relu", True),
        ("maxpool", "max_pool", True),
        ("batch_nrom", "batch_norm", True),
        ("adaptive_avg_pol", "adaptive_avg_pool", True),
        ("layer3", "layer2", False),
        ("conv_a", "conv_b", False),
        ("w_q", "w_k", False),
        ("min_pool", "max_pool", False),
        ("encoder", "decoder", False),
        ("unshuffle", "shuffle", False),
        ("cov", "conv", False),
        ("add", "and", False),
    ],
)
def test_a_slip_is_a_letter_or_two_of_the_same_word(written: str, meant: str, slip: bool) -> None:
    assert is_slip(written, meant) is slip


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [("relu", "relu", 0), ("rleu", "relu", 1), ("rel", "relu", 1), ("reelu", "relu", 1), ("kitten", "sitting", 3)],
)
def test_distance_counts_letters(one: str, other: str, apart: int) -> None:
    assert distance(one, other, 5) == apart == distance(other, one, 5)


def test_many_long_names_are_compared_in_a_time_that_grows_as_they_do(calls_of: Callable[[Any], int]) -> None:
    def cost(names: int) -> int:
        known = [f"{'abcdefghij' * 12}{i}" for i in range(names)]
        return calls_of(lambda: said(f"{'abcdefghij' * 11}x", known))

    assert cost(1600) < 5 * cost(400)


def test_an_unknown_word_is_refused_where_a_spec_uses_it(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("network Net(x: [N, 16, 8, 8]) { x -> upsample(2) }\n", encoding="utf-8")
    with pytest.raises(SpecError, match="a number alone is the size"):
        check(spec)
