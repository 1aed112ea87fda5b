"""What a process that was launched has in its environment: its plan, and pipes to who watches it and from there."""

from __future__ import annotations

from typing import Final

PLAN: Final = "ARCHDSL_PLAN"
PROGRESS: Final = "ARCHDSL_PROGRESS"
LIFELINE: Final = "ARCHDSL_LIFELINE"
