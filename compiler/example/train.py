"""Trains a compiled network with its own loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor

from compiler.example.digits import DataSet
from compiler.fx.model import CompiledNetwork

WORTH_THREADS: Final = 200_000_000  # multiply-adds of a step forward


class NothingToTrain(ValueError):
    """Training would change nothing."""


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

    `progress` is called after each step with the steps done and the loss. Raises `NothingToTrain` where no weight can
    learn.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if not trained:
        owns = next(model.parameters(), None) is not None
        raise NothingToTrain("every weight is @frozen: nothing to train" if owns else "no weights: nothing to train")
    steps = epochs * steps_of(data, batch)
    optimizer = torch.optim.Adam(trained, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    done = 0
    for _ in range(epochs):
        order = torch.randperm(len(data.labels))
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            loss = model.loss(model(_shifted(data.images[chosen])), data.labels[chosen])
            if not loss.requires_grad:
                raise NothingToTrain("the loss depends on no weight that is trained: nothing to train")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            progress(done, loss.item())
    return accuracy(model, data)


@contextmanager
def threads_for(multiply_adds: int) -> Iterator[None]:
    """As many threads of torch as a step of so many multiply-adds is worth: one for a small network.

    Below some hundred million, handing work to other threads takes longer than doing it (LeNet-5 in batches of 32, 13
    million, trains eight times as fast with one thread on two loaded cores).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if multiply_adds < WORTH_THREADS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
