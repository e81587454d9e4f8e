"""The defaults of `heartapp train` and `heartapp evaluate`. The command's help shows them, so importing is instant."""

from typing import Final

SEED: Final = 519
"""Of folds, members and samples."""
BEDSIDE_USES: Final = ("age", "ejection_fraction", "serum_creatinine")
"""The variables of the members of bedside, so every training table needs them."""
HORIZON: Final = 180
"""Days by which the risk is of death."""
SPLIT_SEED: Final = 20260201
"""The first of the seeds of the splits; the next blocks of splits have the next numbers."""
SPLITS_A_SEED: Final = 20
SPLITS: Final = 100
"""Of the evaluation: five seeds."""
BOOTSTRAPS: Final = 500
"""Samples of patients, for the intervals of figures that come from all splits together."""
BUNDLE_REFITS: Final = 100
"""That a bundle holds."""
PROTOCOL_REFITS: Final = 200
"""Of protocol P3."""
FIRST_HORIZON: Final = 30
LAST_HORIZON: Final = 180
"""The days that it can be: those that the curve can be asked for."""
