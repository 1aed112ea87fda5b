"""Networks of Caffe's first years, in its text form, as the papers and the format define them."""

from __future__ import annotations

INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def layer(kind: str, name: str, bottom: str | list[str], top: str = "", rest: str = "") -> str:
    bottoms = " ".join(f'bottom: "{one}"' for one in ([bottom] if isinstance(bottom, str) else bottom))
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {rest} }}\n'


def conv(name: str, bottom: str, count: int, size: int, rest: str = "") -> str:
    """A convolution with its ReLU, which works in place."""
    param = f"convolution_param {{ num_output: {count} kernel_size: {size} {rest} }}"
    return layer("Convolution", name, bottom, rest=param) + layer("ReLU", f"{name}/relu", name, name)


def pool(name: str, bottom: str, size: int, stride: int, kind: str = "MAX", pad: int = 0) -> str:
    param = f"pooling_param {{ pool: {kind} kernel_size: {size} stride: {stride} pad: {pad} }}"
    return layer("Pooling", name, bottom, rest=param)


def norm(name: str, bottom: str) -> str:
    return layer("LRN", name, bottom, rest="lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")


def product(name: str, bottom: str, count: int) -> str:
    return layer("InnerProduct", name, bottom, rest=f"inner_product_param {{ num_output: {count} }}")


def inception(name: str, bottom: str) -> str:
    one, three_in, three, five_in, five, pooled = INCEPTIONS[name.removeprefix("inception_")]
    return (
        conv(f"{name}/1x1", bottom, one, 1)
        + conv(f"{name}/3x3_reduce", bottom, three_in, 1)
        + conv(f"{name}/3x3", f"{name}/3x3_reduce", three, 3, "pad: 1")
        + conv(f"{name}/5x5_reduce", bottom, five_in, 1)
        + conv(f"{name}/5x5", f"{name}/5x5_reduce", five, 5, "pad: 2")
        + pool(f"{name}/pool", bottom, 3, 1, pad=1)
        + conv(f"{name}/pool_proj", f"{name}/pool", pooled, 1)
        + layer("Concat", f"{name}/output", [f"{name}/{part}" for part in ("1x1", "3x3", "5x5", "pool_proj")])
    )


def googlenet() -> str:
    """Without its heads, as it is deployed."""
    text = 'name: "GoogLeNet"  # Szegedy et al., 2014\ninput: "data"\n'
    text += "input_dim: 10 input_dim: 3 input_dim: 224 input_dim: 224\n"
    text += conv("conv1/7x7_s2", "data", 64, 7, "pad: 3 stride: 2") + pool("pool1/3x3_s2", "conv1/7x7_s2", 3, 2)
    text += norm("pool1/norm1", "pool1/3x3_s2") + conv("conv2/3x3_reduce", "pool1/norm1", 64, 1)
    text += conv("conv2/3x3", "conv2/3x3_reduce", 192, 3, "pad: 1") + norm("conv2/norm2", "conv2/3x3")
    last = "pool2/3x3_s2"
    text += pool(last, "conv2/norm2", 3, 2)
    for name in INCEPTIONS:
        text += inception(f"inception_{name}", last)
        last = f"inception_{name}/output"
        if name in ("3b", "4e"):
            text += pool(f"pool{int(name[0])}/3x3_s2", last, 3, 2)
            last = f"pool{int(name[0])}/3x3_s2"
    text += pool("pool5/7x7_s1", last, 7, 1, "AVE")
    text += layer("Dropout", "pool5/drop", "pool5/7x7_s1", "pool5/7x7_s1", "dropout_param { dropout_ratio: 0.4 }")
    return text + product("loss3/classifier", "pool5/7x7_s1", 1000) + layer("Softmax", "prob", "loss3/classifier")


def alexnet() -> str:
    """With the groups of its two GPUs."""
    text = 'name: "AlexNet"\n'
    text += (
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 10 dim: 3 dim: 227 dim: 227 } } }\n'
    )
    text += conv("conv1", "data", 96, 11, "stride: 4") + norm("norm1", "conv1") + pool("pool1", "norm1", 3, 2)
    text += conv("conv2", "pool1", 256, 5, "pad: 2 group: 2") + norm("norm2", "conv2") + pool("pool2", "norm2", 3, 2)
    text += conv("conv3", "pool2", 384, 3, "pad: 1") + conv("conv4", "conv3", 384, 3, "pad: 1 group: 2")
    text += conv("conv5", "conv4", 256, 3, "pad: 1 group: 2") + pool("pool5", "conv5", 3, 2)
    for name, bottom in (("fc6", "pool5"), ("fc7", "fc6")):
        text += product(name, bottom, 4096) + layer("ReLU", f"relu_{name}", name, name)
        text += layer("Dropout", f"drop_{name}", name, name, "dropout_param { dropout_ratio: 0.5 }")
    text += product("fc8", "fc7", 1000)
    text += layer("Accuracy", "accuracy", ["fc8", "label"], rest="include { phase: TEST }")
    return text + layer("SoftmaxWithLoss", "loss", ["fc8", "label"])
