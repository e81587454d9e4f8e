"""The defaults of `heartapp train` and `heartapp evaluate`. The command's help shows them, so importing is instant."""

from __future__ import annotations

from typing import Final

SEED: Final = 519
"""Of folds, members and samples."""
BEDSIDE_USES: Final = ("age", "ejection_fraction", "serum_creatinine")
"""The variables of the members of bedside, so every training table needs them."""
HORIZON: Final = 180
"""Days by which the risk is of death."""
SPLIT_SEED: Final = 20260101
"""Of the splits of protocols P1 and P2."""
SPLITS: Final = 100
"""Of protocols P1 and P2."""
BUNDLE_REFITS: Final = 100
"""That a bundle holds."""
PROTOCOL_REFITS: Final = 200
"""Of protocol P3."""
FIRST_HORIZON: Final = 30
LAST_HORIZON: Final = 180
"""The days that it can be: those that the curve can be asked for."""
