"""Classifiers of texts with recurrent layers, written by hand as torch modules: see references.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import torch
from torch import nn
from torch.nn import functional


class Classifier(nn.Module):
    """torch's own layers take positions first here."""

    def __init__(
        self,
        kind: type[nn.LSTM | nn.GRU],
        vocabulary: int = 25002,
        width: int = 100,
        hidden: int = 256,
        depth: int = 2,
        drop: float = 0.5,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=1)
        self.rnn = kind(width, hidden, depth, dropout=drop, bidirectional=True)
        self.fc, self.dropout = nn.Linear(2 * hidden, 1), nn.Dropout(drop)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        _, last = self.rnn(self.dropout(self.embedding(words)).transpose(0, 1))
        states = last[0] if isinstance(last, tuple) else last
        logit: torch.Tensor = self.fc(self.dropout(torch.cat([states[-2], states[-1]], 1)))
        return logit

    @staticmethod
    def loss(outputs: Sequence[torch.Tensor], friendly: torch.Tensor) -> torch.Tensor:
        return functional.binary_cross_entropy(outputs[0].sigmoid(), friendly)


MODELS: Final[dict[str, Callable[..., nn.Module]]] = {
    "lstm_classifier": partial(Classifier, nn.LSTM),
    "gru_classifier": partial(Classifier, nn.GRU),
}
