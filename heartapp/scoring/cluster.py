"""Parts on a Dask cluster. Dask does the parts of a lost worker again on another one."""

import gc
import logging
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from typing import Final

from distributed import Client, KilledWorker, as_completed
from distributed.client import ClosedClientError
from distributed.comm.core import CommClosedError

from heartapp.errors import DataError
from heartapp.scoring.parts import Part
from heartapp.scoring.score import Report

PATIENCE: Final = 60
"""Seconds to wait for the first worker."""


def run_cluster(todo: Sequence[Part], scheduler: str) -> Generator[Report]:
    """Score parts on the workers of a scheduler, which read and write the files themselves.

    Raises:
        DataError: a part cannot be scored, or the cluster cannot be used.
    """
    # Dask logs a lost connection with a traceback.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with _connect(scheduler) as client:
            client.wait_for_workers(1, timeout=PATIENCE)
            futures = [client.submit(part, pure=False) for part in todo]
            for future in as_completed(futures, loop=client.loop):
                yield future.result()
                future.release()  # else Dask does the part again if its worker is lost later
    except KilledWorker:
        raise DataError("several workers died over the same part; see their logs (out of memory?)") from None
    except ImportError as error:
        raise DataError(f"the workers lack the package {error.name}; install it there") from None
    except TimeoutError:
        raise DataError(f"the scheduler at {scheduler} has no worker; start one: dask worker {scheduler}") from None
    except (CancelledError, ClosedClientError, CommClosedError):
        raise DataError(f"the connection to the Dask scheduler at {scheduler} was lost; start it again") from None


def _connect(scheduler: str) -> Client:
    try:
        return Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error)
    # Collect the failed client now: it closes itself then, which hangs while another one starts.
    gc.collect()
    raise DataError(f"no Dask scheduler answers at {scheduler}: {reason}")
