"""Times that a network really took, for comparing with those predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Seconds of each layer in inference, and in a training step forward and backward; layers are keys of the graph.

    `update` is the optimizer's step. `inference_total` and `step_total` are those of the model called as users call it.
    """

    device: str
    rounds: int
    inference: Mapping[str, float]
    forward: Mapping[str, float]
    backward: Mapping[str, float]
    update: float
    inference_total: float
    step_total: float

    def step(self, path: str) -> float:
        """One layer in a step of training, forward and backward."""
        return self.forward.get(path, 0.0) + self.backward.get(path, 0.0)

    def to_dict(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "rounds": self.rounds,
            "inference_seconds": self.inference_total,
            "training_step_seconds": self.step_total,
            "update_seconds": self.update,
            "layers": {
                path: {
                    "inference": self.inference.get(path),
                    "forward": self.forward.get(path),
                    "backward": self.backward.get(path),
                }
                for path in dict.fromkeys((*self.inference, *self.forward))
            },
        }
