"""How the columns of a table map to the variables: names, units and codes, from options or a TOML file."""

import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import msgspec

from heartapp.clinical.patient import printable
from heartapp.clinical.variables import BY_NAME, VARIABLES
from heartapp.errors import DataError
from heartapp.tables.guess import OUTCOME_KEY, guess_columns


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the variables are in a table, as the mapping file has it.

    ``columns`` and ``units`` are by variable, ``codes`` too: from the text of a cell to the variable's value. Codes of
    the outcome are under ``outcome``. ``time`` is the column of the time to death or last contact, empty for none.
    """

    outcome: str = ""
    time: str = ""
    time_unit: str = ""
    columns: dict[str, str] = {}
    units: dict[str, str] = {}
    codes: dict[str, dict[str, int]] = {}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a mapping file.

        Raises:
            DataError: it cannot be read, or has another form.
        """
        try:
            return msgspec.convert(tomllib.loads(path.read_text("utf-8")), cls)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}; name a mapping file in TOML") from None
        except ValueError as error:
            raise DataError(f"{path}: {error}; `--write-mapping FILE` writes a start of one") from None

    def updated(self, other: Self) -> Self:
        """The same, with what another mapping has taking the place of what is here."""
        return msgspec.structs.replace(
            self,
            outcome=other.outcome or self.outcome,
            time=other.time or self.time,
            time_unit=other.time_unit or self.time_unit,
            columns={**self.columns, **other.columns},
            units={**self.units, **other.units},
            codes={**self.codes, **other.codes},
        )


def parse_pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """Options such as ``age=Age`` by name.

    Raises:
        DataError: one has no equals sign; names the option.
    """
    pairs = [text.partition("=") for text in texts]
    if not all(name and sign and value for name, sign, value in pairs):
        raise DataError(f"{option} takes NAME=VALUE, such as {option} age={'years' if 'unit' in option else 'Age'}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def parse_codes(texts: Iterable[str]) -> dict[str, dict[str, int]]:
    """Options such as ``sex:1=1,2=0`` by name.

    Raises:
        DataError: one has another form.
    """
    codes: dict[str, dict[str, int]] = {}
    for text in texts:
        name, _, rest = text.partition(":")
        pairs = [part.rpartition("=") for part in rest.split(",")]
        if not name or not all(code.strip() and value.strip() in {"0", "1"} for code, _, value in pairs):
            raise DataError("--code takes NAME:CODE=VALUE,CODE=VALUE with values 0 or 1, such as --code sex:m=1,f=0")
        codes[name.strip()] = {code.strip(): int(value) for code, _, value in pairs}
    return codes


def start_mapping(header: Sequence[str], place: str) -> str:
    """A mapping file to correct by hand, with what the names of the columns suggest."""
    found = guess_columns(header)
    lines = [
        f"# How {place} maps to heartapp's variables. Check and correct every line.",
        f"# Its columns: {', '.join(map(printable, header))}",
        f"outcome = {_quote(found.get(OUTCOME_KEY, ''))}  # 0 alive, 1 died; other codes: [codes.outcome]",
        '# time = ""  # days until death or last contact, if there is such a column',
        f'# time_unit = "days"  # {BY_NAME["time"].unit_names}',
        "",
        "[columns]",
        *(_column_line(variable.name, found.get(variable.name)) for variable in VARIABLES if variable.name != "time"),
        "",
        "[units]  # of columns in another unit than the first",
        *(f'# {one.name} = ""  # {one.unit_names}' for one in VARIABLES if one.units and one.name != "time"),
        "",
        "[codes.sex]  # the cell's text, then 1 for a man or 0 for a woman",
        "# m = 1",
        "# f = 0",
    ]
    return "\n".join([*lines, ""])


def _column_line(name: str, column: str | None) -> str:
    return f"{name} = {_quote(column)}" if column else f'# {name} = ""'


def _quote(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
