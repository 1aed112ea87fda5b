"""The models of torchvision and timm, which are the references of the newer networks of specs/.

torchvision registers what traces two operators of its C++ extension, which does not load beside every torch (the wheel
of PyPI is built for CUDA). They are declared first; no model here uses them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn

__all__ = ["MODELS", "models", "timm"]

_DECLARED: Final = torch.library.Library("torchvision", "FRAGMENT")  # what it defines lives as long as it
for _name in ("nms", "qnms"):
    with contextlib.suppress(RuntimeError):  # the extension itself has declared them
        _DECLARED.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm  # noqa: E402
from torchvision import models  # noqa: E402
from torchvision.models import SwinTransformer as SwinTransformer  # noqa: E402  # for others to import from here
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone  # noqa: E402


def _fpn_resnet50() -> Any:
    """With norms that learn, as when a detector is trained from the start."""
    return resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5)


def _regnet_y_400mf() -> Any:
    """Its widths are worked out with tensors, which must have values."""
    with torch.device("cpu"):
        return models.regnet_y_400mf().to(torch.device("meta"))


MODELS: Final[dict[str, Callable[[], nn.Module]]] = {
    "mobilenet_v2": models.mobilenet_v2,
    "mobilenet_v2_140": lambda: models.mobilenet_v2(width_mult=1.4),
    "mobilenet_v3_small": models.mobilenet_v3_small,
    "mobilenet_v3_large": models.mobilenet_v3_large,
    **{f"efficientnet_b{i}": getattr(models, f"efficientnet_b{i}") for i in range(8)},
    "efficientnet_v2_s": models.efficientnet_v2_s,
    "regnet_y_400mf": _regnet_y_400mf,
    "convnext_tiny": models.convnext_tiny,
    "convnext_small": models.convnext_small,
    "convnext_base": models.convnext_base,
    "se_resnext50_32x4d": lambda: timm.create_model("seresnext50_32x4d"),
    "hrnet_w18": lambda: timm.create_model("hrnet_w18"),
    "r3d_18": models.video.r3d_18,
    "deeplabv3_resnet50": lambda: models.segmentation.deeplabv3_resnet50(weights_backbone=None, aux_loss=True),
    "fpn_resnet50": _fpn_resnet50,
}
