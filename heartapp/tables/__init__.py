"""Tables of patients: columns, cells, checks, and CSV. Needs numpy and the standard library only."""

from typing import Final

DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
"""The delimiters of CSV by name."""
