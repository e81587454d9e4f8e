"""onnxruntime, imported only where a graph is opened.

Its import starts threads, and a process that was forked after that would wait for them forever when it ends. Left
alone, its package (seen in 1.31.1 for Linux) also writes an identifier and a database into the user's cache folder for
usage reports. heartapp wants none of that.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

OPT_OUTS: Final = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
"""The environment variables that its versions read, once, when they are imported."""


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime with its telemetry turned off."""
    os.environ.update(dict.fromkeys(OPT_OUTS, "1"))
    import onnxruntime  # noqa: PLC0415 - in the process that uses it

    module: ModuleType = onnxruntime
    return module


class Graph:
    """An ONNX graph in memory: calling it with rows of float32 values gives their float32 probabilities."""

    def __init__(self, content: bytes, columns: int) -> None:
        """Open the graph.

        Args:
            content: the file.
            columns: the number of values in a row.

        Raises:
            Exception: onnxruntime cannot read the graph; its classes have no common base.
            ValueError: the graph has other inputs or outputs.
        """
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        # The processes are the parallelism. One thread each also keeps the order of sums, so answers do not vary.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # Trees gain nothing from optimizations, and folding of constants may run as long as the graph's author wants.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        # A graph may keep weights in other files, which no digest covers, relative to the working folder. Nothing can
        # be found inside the null device, so such a graph is refused.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._options: Any = None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if (
            not len(inputs) == len(outputs) == 1
            or inputs[0].shape[1:] != [columns]
            or not inputs[0].type == outputs[0].type == "tensor(float)"
        ):
            raise ValueError("the graph does not fit the manifest")
        self._input = inputs[0].name

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each member's probability of death, shape (n, members), of a table of shape (n, columns)."""
        output: NDArray[np.float32] = self._session.run(None, {self._input: values}, self._options)[0]
        return output

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Let runs of the graph raise an error when the ``seconds`` for all of them are over."""
        self._options = import_onnxruntime().RunOptions()
        timer = Timer(seconds, setattr, (self._options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._options = None
