"""Fine-tune: take a public checkpoint, replace the classifier, train it first and then all of it.

    python examples/finetune.py resnet18 resnet18-f37072fd.pth --classes 10 --classifier fc --out mine.safetensors

torchvision's names are the names of the specs that ship, so that its checkpoints load as they are. The images here are
scikit-learn's handwritten digits; put your own in their place.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch.nn import functional

import archdsl


def main() -> None:
    parser = argparse.ArgumentParser(description="Fine-tune a network from a checkpoint.")
    parser.add_argument("spec")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--classifier", default="fc", help="The layer that is drawn anew.")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    torch.manual_seed(0)
    data = load_digits()
    images = torch.as_tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    images = functional.interpolate(images, size=(options.size, options.size)).expand(-1, 3, -1, -1)
    labels = torch.as_tensor(data.target)

    net = archdsl.load(options.spec, classes=options.classes)
    model = net.compile(weights=options.weights, fresh=[f"{options.classifier}.*"])
    classifier = list(model.get_submodule(options.classifier).parameters())
    for name, weights, rate in (("classifier", classifier, 1e-2), ("all", list(model.parameters()), 1e-3)):
        optimizer = torch.optim.SGD(weights, lr=rate, momentum=0.9)
        for step in range(options.steps):
            chosen = torch.randint(len(labels), (16,))
            loss = model.loss(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 20 == 0:
                print(f"{name}, step {step}: loss {loss.item():.3f}", flush=True)
    net.export(options.out, model)


if __name__ == "__main__":
    try:
        main()
    except archdsl.SpecError as error:
        sys.exit(str(error))
