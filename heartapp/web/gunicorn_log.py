"""gunicorn's log without anything that a client sent: its own messages quote malformed requests and addresses."""

import sys
import traceback
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """The class to name in ``logger_class``."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out the reason why a request is invalid, which quotes the request."""
        if msg.startswith("Invalid request from ip="):
            msg = msg.partition(": ")[0]
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out address and message of an error in a request."""
        if not msg.startswith("Error handling request"):
            super().exception(msg, *args, **kwargs)
            return
        kind, _, trace = sys.exc_info()
        frames = "".join(traceback.format_tb(trace))
        self.error("%s while handling a request\n%s", kind.__name__ if kind else "Error", frames)

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Name errors by their type: their messages quote what was read."""
        super().debug(msg, *(type(arg).__name__ if isinstance(arg, Exception) else arg for arg in args), **kwargs)
