"""What files look like, in words that the command line shares; this imports nothing, so that help is instant."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["csv", "parquet"]
SUFFIXES: Final[dict[str, Kind]] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
STREAM: Final = "-"
"""Stands for standard input or output."""
