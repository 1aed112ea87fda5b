"""torch's modules with weights, for layers that are lent some, or lack some that torch's own has: each is called with
its input and the tensors that it is lent."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class _Lent(nn.Module):
    """Owns what it is not lent, and nothing where it is lent all: then nothing is drawn for it."""

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, *, lent: tuple[str, ...], **settings: Any) -> None:
        with torch.device("meta"):
            super().__init__(**settings)
        own = [name for name, _ in [*self.named_parameters(), *self.named_buffers()] if name not in lent]
        if own:
            super().__init__(**settings)
        for name in lent:
            self.register_parameter(name, None)
        self.lent = lent

    def forward(self, input: Tensor, *lent: Tensor) -> Tensor:
        given = dict(zip(self.lent, lent, strict=True))
        weight, bias = given.get("weight", self.weight), given.get("bias", getattr(self, "bias", None))
        return self.compute(input, weight, bias)

    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        lent = f", lent={', '.join(self.lent)}" if self.lent else ""
        return f"{super().extra_repr()}{lent}"


class LentLinear(_Lent, nn.Linear):  # type: ignore[misc]
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        return F.linear(input, weight, bias)


class LentEmbedding(_Lent, nn.Embedding):  # type: ignore[misc]
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        return F.embedding(input, weight, self.padding_idx)


class _Conv(_Lent):
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        found: Tensor = self._conv_forward(input, weight, bias)  # type: ignore[operator]
        return found


class LentConv1d(_Conv, nn.Conv1d):  # type: ignore[misc]
    pass


class LentConv2d(_Conv, nn.Conv2d):  # type: ignore[misc]
    pass


class LentConv3d(_Conv, nn.Conv3d):  # type: ignore[misc]
    pass


class _ConvTranspose(_Lent):
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        function: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[input.dim() - 3]
        own: Any = self
        found: Tensor = function(
            input, weight, bias, own.stride, own.padding, own.output_padding, own.groups, own.dilation
        )
        return found


class LentConvTranspose1d(_ConvTranspose, nn.ConvTranspose1d):  # type: ignore[misc]
    pass


class LentConvTranspose2d(_ConvTranspose, nn.ConvTranspose2d):  # type: ignore[misc]
    pass


class LentConvTranspose3d(_ConvTranspose, nn.ConvTranspose3d):  # type: ignore[misc]
    pass


class _Norm(_Lent):
    """A norm that may have a scale without a shift: not every release of torch can be asked for it."""

    def __init__(self, *, bias: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        if not bias:
            self.register_parameter("bias", None)


class LentLayerNorm(_Norm, nn.LayerNorm):  # type: ignore[misc]
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        lent: Any = weight if weight is not None else bias  # whose sizes may be known only now
        return F.layer_norm(input, tuple(lent.shape), weight, bias, self.eps)


class LentRMSNorm(_Lent, nn.RMSNorm):  # type: ignore[misc]
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        return F.rms_norm(input, tuple(weight.shape), weight, self.eps)


class LentGroupNorm(_Norm, nn.GroupNorm):  # type: ignore[misc]
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        return F.group_norm(input, self.num_groups, weight, bias, self.eps)


class _BatchNorm(_Norm):
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        own: Any = self
        if self.training and own.track_running_stats:
            own.num_batches_tracked.add_(1)
        of_batch = self.training or not own.track_running_stats
        return F.batch_norm(input, own.running_mean, own.running_var, weight, bias, of_batch, own.momentum, own.eps)


class LentBatchNorm1d(_BatchNorm, nn.BatchNorm1d):  # type: ignore[misc]
    pass


class LentBatchNorm2d(_BatchNorm, nn.BatchNorm2d):  # type: ignore[misc]
    pass


class LentBatchNorm3d(_BatchNorm, nn.BatchNorm3d):  # type: ignore[misc]
    pass


class _InstanceNorm(_Norm):
    def compute(self, input: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        own: Any = self
        of_input = self.training or not own.track_running_stats
        return F.instance_norm(input, own.running_mean, own.running_var, weight, bias, of_input, own.momentum, own.eps)


class LentInstanceNorm1d(_InstanceNorm, nn.InstanceNorm1d):  # type: ignore[misc]
    pass


class LentInstanceNorm2d(_InstanceNorm, nn.InstanceNorm2d):  # type: ignore[misc]
    pass


class LentInstanceNorm3d(_InstanceNorm, nn.InstanceNorm3d):  # type: ignore[misc]
    pass
