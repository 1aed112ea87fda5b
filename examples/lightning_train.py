"""Train with Lightning: a compiled network is a module like any other, and brings its loss.

pip install lightning
python examples/lightning_train.py lenet5 --epochs 3
"""

from __future__ import annotations

import argparse

import lightning
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import archdsl


class Classifier(lightning.LightningModule):
    """A network of a spec, trained with the spec's loss."""

    def __init__(self, spec: str) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = archdsl.load(spec).compile()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        images, labels = batch
        loss = self.model.loss(self.model(images), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        images, labels = batch
        self.log("accuracy", (self.model(images).argmax(1) == labels).float().mean(), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train with Lightning.")
    parser.add_argument("spec")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    lightning.seed_everything(0)
    data = load_digits()
    images = functional.interpolate(
        torch.as_tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1, size=(32, 32)
    )
    whole = TensorDataset(images, torch.as_tensor(data.target))
    training, held_out = torch.utils.data.random_split(whole, [0.8, 0.2])
    trainer = lightning.Trainer(max_epochs=options.epochs, accelerator="auto", logger=False, enable_checkpointing=False)
    trainer.fit(Classifier(options.spec), DataLoader(training, 32, shuffle=True), DataLoader(held_out, 256))
    print(f"held out {float(trainer.callback_metrics['accuracy']):.1%}")


if __name__ == "__main__":
    main()
