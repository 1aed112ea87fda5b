"""A script as users write them, launched by the tests: it trains, saves after each step, and may come to harm once.

Arguments: the folder of checkpoints, how many steps, what happens (nothing, raise, kill), on which rank, in which step.
"""

import os
import signal
import sys

from archdsl.distributed import pipeline
from tests.distributed.training import batch, gathered, optimizer_of, weights_hash

folder, until, harm, rank, at = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
pipe = pipeline(seed=3)
optimizer = optimizer_of(pipe.parameters())
for step in range(pipe.load(folder, optimizer), until):
    if step == at and os.environ["RANK"] == rank and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        if harm == "raise":
            raise ValueError("the data are at an end")
        if harm == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
    optimizer.zero_grad()
    pipe.step(*batch(step))
    optimizer.step()
    pipe.save(folder, optimizer)
weights = weights_hash(gathered(pipe.module))
if pipe.last:
    print("weights", weights, "after", pipe.steps, "steps, restarts", os.environ["TORCHELASTIC_RESTART_COUNT"])
