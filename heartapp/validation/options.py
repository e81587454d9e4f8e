"""The options of `heartapp validate` and `heartapp update` that name a cohort."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from heartapp.tables import DELIMITERS
from heartapp.validation.mapping import Mapping, parse_codes, parse_pairs

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
BOOTSTRAPS: Final = 500
SEED: Final = 519

_OPTIONS: Final = (
    click.argument("table", type=_FILE),
    click.option("--model", "name", help="The model. [default: the setting default_model]"),
    click.option("--outcome", default="", metavar="COLUMN", help="The column of the outcome: 0 alive, 1 died."),
    click.option("--time", default="", metavar="COLUMN", help="The column of the time to death or last contact."),
    click.option("--time-unit", default="", metavar="UNIT", help="Of that column: days, months or years."),
    click.option("--horizon", type=click.IntRange(1), help="The day to judge the risk by. [default: the model's]"),
    click.option("--map", "columns", multiple=True, metavar="NAME=COLUMN", help="Where a variable is."),
    click.option("--unit", "units", multiple=True, metavar="NAME=UNIT", help="A variable's unit, such as umol/L."),
    click.option("--code", "codes", multiple=True, metavar="NAME:CODE=VALUE,…", help="Codes, such as sex:m=1,f=0."),
    click.option("--mapping", type=_FILE, help="All of this in a TOML file; options come first."),
    click.option(
        "--delimiter", type=click.Choice([*DELIMITERS]), default="comma", show_default=True, help="Separates the cells."
    ),
    click.option("--anyway", is_flag=True, help="Accept fewer than 30 deaths."),
    click.option(
        "--bootstrap", "bootstraps", default=BOOTSTRAPS, show_default=True, type=click.IntRange(20), help="Samples."
    ),
    click.option("--seed", default=SEED, show_default=True, help="Of the samples."),
)


def names_cohort(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument TABLE and the options that say where its columns are."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_mapping(options: dict[str, Any]) -> Mapping:
    """Take the options that are a mapping out of a command's options, and read them."""
    file = options.pop("mapping")
    stated = Mapping(
        outcome=options.pop("outcome"),
        time=options.pop("time"),
        time_unit=options.pop("time_unit"),
        columns=parse_pairs("--map", options.pop("columns")),
        units=parse_pairs("--unit", options.pop("units")),
        codes=parse_codes(options.pop("codes")),
    )
    return (Mapping.read(file) if file else Mapping()).updated(stated)
