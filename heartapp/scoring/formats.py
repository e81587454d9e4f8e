"""What files look like, in words that the command line shares; light to import, so that help is instant."""

from __future__ import annotations

from typing import Final, Literal

from heartapp.tables.csv_lines import DELIMITERS

Kind = Literal["csv", "parquet"]
SUFFIXES: Final[dict[str, Kind]] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}
STREAM: Final = "-"
"""Stands for standard input or output."""


def delimiter_of(name: str, stated: str | None) -> str:
    """The delimiter of a CSV file: the one that was stated, by its name; else a tab for .tsv and a comma."""
    return DELIMITERS[stated or ("tab" if name.lower().endswith(".tsv") else "comma")]
