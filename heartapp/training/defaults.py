"""The defaults of `heartapp train` and `heartapp evaluate`. The command's help shows them, so importing is instant."""

from __future__ import annotations

from typing import Final

SEED: Final = 519
"""Of folds, members and samples."""
SPLIT_SEED: Final = 20260101
"""Of the splits of protocols P1 and P2."""
SPLITS: Final = 100
"""Of protocols P1 and P2."""
BUNDLE_REFITS: Final = 100
"""That a bundle holds."""
PROTOCOL_REFITS: Final = 200
"""Of protocol P3."""
