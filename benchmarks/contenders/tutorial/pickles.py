"""Write the three members as three pickles, as the tutorials' training scripts do."""

from __future__ import annotations

import pickle
from pathlib import Path

from benchmarks.members import load

for name, member in load().items():
    Path(f"{name}.pkl").write_bytes(pickle.dumps(member))
