"""The delimiters of CSV that are known, by name; this imports nothing, so that the command line's help is instant."""

from __future__ import annotations

from typing import Final

DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
