"""Train a classifier on your own images: augmentation, mixed precision, checkpoints, resume.

    python examples/train.py resnet18 --data photos --epochs 20 --out run
    python examples/train.py resnet18 --data photos --epochs 40 --out run   # goes on where the last one ended

`photos/` has a folder for each class with its images. `run/weights.safetensors` is what `archdsl compile --weights` and
`net.compile(weights=…)` read.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, random_split

import archdsl

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


class Folder(Dataset[tuple[Tensor, int]]):
    """Images of a folder for each class, as [3, size, size] in -1 … 1; those for training are moved and mirrored."""

    def __init__(self, root: Path, size: int, *, augment: bool) -> None:
        self.classes = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
        self.files = [
            (path, number)
            for number, name in enumerate(self.classes)
            for path in sorted((root / name).iterdir())
            if path.suffix.lower() in SUFFIXES
        ]
        self.size, self.augment = size, augment

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, number = self.files[index]
        side = self.size + self.size // 8 * self.augment
        with Image.open(path) as file:
            pixels = bytearray(file.convert("RGB").resize((side, side)).tobytes())
        image = torch.frombuffer(pixels, dtype=torch.uint8).view(side, side, 3).permute(2, 0, 1) / 127.5 - 1
        if self.augment:
            top, left = torch.randint(side - self.size + 1, (2,)).tolist()
            image = image[:, top : top + self.size, left : left + self.size]
            image = image.flip(2) if torch.rand(()) < 0.5 else image
        return image.contiguous(), number


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a classifier on your own images.")
    parser.add_argument("spec")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if not options.data.is_dir() or not any(folder.is_dir() for folder in options.data.iterdir()):
        parser.error(f"{options.data} is no folder with a folder of images for each class")

    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training, plain = (Folder(options.data, options.size, augment=augment) for augment in (True, False))
    chosen, held_out = random_split(range(len(plain)), [0.8, 0.2], torch.Generator().manual_seed(0))
    if not chosen or not held_out:
        parser.error(
            f"{options.data} has {len(plain)} images ({', '.join(sorted(SUFFIXES))}): too few to train and test"
        )
    batches = DataLoader(Subset(training, list(chosen)), options.batch, shuffle=True, num_workers=options.workers)
    tests = DataLoader(Subset(plain, list(held_out)), options.batch, num_workers=options.workers)

    # The spec says the network; the number of classes and the size of images are those of the data.
    net = archdsl.load(options.spec, classes=len(plain.classes))
    model = net.compile(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        if saved["network"] != net.report().hash:
            parser.error(f"{checkpoint} is of another network: give another --out")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"]
        print(f"{checkpoint}: {first} of {options.epochs} epochs are done", file=sys.stderr)

    for epoch in range(first, options.epochs):
        for images, labels in batches:
            with torch.autocast(device.type, torch.bfloat16):
                outputs = model.train()(images.to(device))
            loss = model.loss(outputs, labels.to(device))  # the spec's own
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right = 0
        with torch.inference_mode():
            for images, labels in tests:
                right += int((model.eval()(images.to(device)).argmax(1).cpu() == labels).sum())
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, held out {right / max(1, len(held_out)):.1%}", flush=True)
        torch.save(
            {
                "network": net.report().hash,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "epoch": epoch + 1,
            },
            checkpoint.with_suffix(".new"),
        )
        os.replace(checkpoint.with_suffix(".new"), checkpoint)  # the old one or the new one, whole
        net.export(options.out / "weights.safetensors", model)


if __name__ == "__main__":
    try:
        main()
    except archdsl.SpecError as error:
        sys.exit(str(error))
