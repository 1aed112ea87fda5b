"""The handwritten digits of scikit-learn, as a small data set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class DataSet:
    """Images [n, C, H, W] with their classes [n], for training and held out."""

    images: Tensor
    labels: Tensor
    held_out_images: Tensor
    held_out_labels: Tensor


def digits(shape: tuple[int, ...], held_out: float = 0.2, seed: int = 0) -> DataSet:
    """The handwritten digits that come with scikit-learn (1,797 images of 8×8, UCI, E. Alpaydin and C. Kaynak, 1998),
    resized to the shape [C, H, W] that a network takes, values from -1 to 1.

    Raises `ImportError` where scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.as_tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 8.0 - 1.0
    images = nn.functional.interpolate(images, size=shape[1:], mode="bilinear", align_corners=False)
    images = images.expand(-1, shape[0], -1, -1).contiguous()
    labels = torch.as_tensor(bunch.target, dtype=torch.int64)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    test = int(len(labels) * held_out)
    return DataSet(images[order[test:]], labels[order[test:]], images[order[:test]], labels[order[:test]])
