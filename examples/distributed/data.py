"""Stands for your data: two data sets of (image, label). Here, scikit-learn's handwritten digits, 32 × 32."""

import torch
from sklearn.datasets import load_digits
from torch.nn.functional import interpolate
from torch.utils.data import TensorDataset

digits = load_digits()
images = torch.as_tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
images = interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)
labels = torch.as_tensor(digits.target)
training = TensorDataset(images[:1440], labels[:1440])
held_out = TensorDataset(images[1440:], labels[1440:])
