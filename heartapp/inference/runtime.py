"""onnxruntime, imported only where a graph is run, and silent.

Its import is late because it starts threads, for which a child of fork would wait for ever when it ends. Left alone,
its package (seen in 1.31.1 for Linux) also makes an identifier and a database in the user's cache folder, for reports
to its maker. heartapp wants none of that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

OPT_OUTS: Final = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
"""The variables that its versions look for, once, when they are imported."""


def import_onnxruntime() -> ModuleType:
    """onnxruntime, told not to report before it is imported for the first time."""
    os.environ.update(dict.fromkeys(OPT_OUTS, "1"))
    import onnxruntime  # noqa: PLC0415 - in the process that uses it

    module: ModuleType = onnxruntime
    return module
