"""Download the published table into the user's cache."""

from pathlib import Path
from typing import Final

import pooch

from heartapp.errors import DataError
from heartapp.training.data import read_table

SOURCE: Final = "https://archive.ics.uci.edu/static/public/519/data.csv"


def download_table(url: str = SOURCE) -> Path:
    """Download the published table, or find it in the cache, and check it.

    Raises:
        DataError: the download failed, or what came is not the table. It does not stay in the cache then.
    """
    try:
        # No digest of the file is asked for: mirrors differ in line ends. `read_table` checks the values.
        path = Path(pooch.retrieve(url, known_hash=None, path=pooch.os_cache("heartapp"), progressbar=False))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{url} could not be downloaded ({type(error).__name__}). Without a network: get "
            "heart_failure_clinical_records.csv of UCI data set 519 (doi 10.24432/C5Z89R) some other way and name it, "
            "as in `heartapp train --data PATH`"
        ) from None
    try:
        read_table(path)
    except DataError:
        path.unlink()
        raise
    return path
