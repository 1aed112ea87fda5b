"""Trains a network over several devices, and goes on where it was stopped.

archdsl place lenet5 --devices 2 --profile a100 --link 25GB/s --batch 32 --micro-batches 4 -o plan.json
archdsl launch --max-restarts 3 plan.json train.py EPOCHS FOLDER
"""

import sys

import torch
from data import held_out, training  # yours
from torch.utils.data import DataLoader

from archdsl.distributed import pipeline

EPOCHS, FOLDER = int(sys.argv[1]), sys.argv[2]

pipe = pipeline(seed=0)  # the plan is that of `archdsl launch`
optimizer = torch.optim.SGD(pipe.parameters(), lr=0.05, momentum=0.9)
speaks = pipe.last and pipe.replica == 0  # one process of all, which knows losses and outputs
size = pipe.plan.batch


def batches(epochs):
    """The samples of every step: shuffled anew in each epoch, alike in all processes; replicas share them."""
    together = size * pipe.replicas
    for epoch in range(epochs):
        order = torch.randperm(len(training), generator=torch.Generator().manual_seed(epoch)).tolist()
        for start in range(0, len(order) - together + 1, together):  # what is left over is dropped
            yield order[start:][pipe.replica * size :][:size]


every = len(training) // (size * pipe.replicas)  # steps of an epoch
begun = pipe.load(FOLDER, optimizer)  # 0 where nothing is saved
if speaks and begun:
    print(f"going on after step {begun}", flush=True)
for images, labels in DataLoader(training, batch_sampler=list(batches(EPOCHS))[begun:]):
    optimizer.zero_grad()
    loss = pipe.step(images, labels)
    optimizer.step()
    if pipe.steps % every:
        continue
    pipe.save(FOLDER, optimizer)
    right = 0
    for images, labels in DataLoader(held_out, batch_size=size):
        scores = pipe.eval(images)
        if scores is not None:
            right += int((scores.argmax(1).cpu() == labels).sum())
    if speaks:
        accuracy = right / len(held_out)
        print(f"step {pipe.steps}: loss {loss:.3f}, {accuracy:.1%} of the held-out images are right", flush=True)
