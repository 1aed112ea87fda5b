"""What to do about faults: fixes, each tried before it is offered, and sizes of inputs that would fit."""

from archdsl.remedies.offer import with_remedies
from archdsl.remedies.trial import Trial

__all__ = ["Trial", "with_remedies"]
