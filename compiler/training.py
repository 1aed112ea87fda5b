"""Trains a compiled network with its own loss on a small data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from compiler.fx.model import CompiledNetwork


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


DATA_SETS = {"digits": digits}  # by name, each made for a shape [C, H, W]


def train(
    model: CompiledNetwork,
    data: DataSet,
    *,
    epochs: int,
    batch: int = 32,
    rate: float = 2e-3,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> float:
    """Train with Adam and a cosine schedule on images shifted at random by up to a sixteenth of their size.

    The result is the held-out accuracy, from 0 to 1.

    `progress` is called after each step with the steps done and the loss.
    """
    steps = epochs * steps_of(data, batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    done = 0
    for _ in range(epochs):
        order = torch.randperm(len(data.labels))
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            loss = model.loss(model(_shifted(data.images[chosen])), data.labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            progress(done, loss.item())
    return accuracy(model, data)


def _shifted(images: Tensor) -> Tensor:
    reach = [max(1, size // 16) for size in images.shape[2:]]
    shifts = [int(torch.randint(-r, r + 1, ())) for r in reach]
    return images.roll(shifts, (2, 3))


def steps_of(data: DataSet, batch: int) -> int:
    """Steps in an epoch: whole batches only."""
    return len(data.labels) // batch


def accuracy(model: CompiledNetwork, data: DataSet, batch: int = 256) -> float:
    """The share of held-out images whose class gets the greatest value of the first output."""
    model.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(data.held_out_labels), batch):
            outputs = model(data.held_out_images[start : start + batch])
            first = outputs[0] if isinstance(outputs, tuple) else outputs
            right += int((first.argmax(1) == data.held_out_labels[start : start + batch]).sum())
    return right / len(data.held_out_labels)
