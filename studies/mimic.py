"""Test the served bedside model on an outside cohort: ``python -m studies.mimic`` writes the result into its bundle.

Zhou et al. 2021: 1,177 admissions to intensive care in Boston with heart failure, of whom 159 died in hospital, from
MIMIC-III. The data are at Dryad, doi 10.5061/dryad.0p2ngf1zd, CC0. They were never used to choose anything.
"""

import hashlib
from pathlib import Path
from typing import Final

import click
import msgspec
import pooch

from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served
from heartapp.inference.writing import pretty
from heartapp.validation.cohort import read_cohort
from heartapp.validation.mapping import Mapping
from heartapp.validation.result import Validation
from heartapp.validation.validate import validate

DOI: Final = "10.5061/dryad.0p2ngf1zd"
ARCHIVE: Final = f"https://datadryad.org/api/v2/datasets/doi%3A{DOI.replace('/', '%2F')}/download"
MEMBER: Final = "data01.csv"
SHA256: Final = "06c7336fdde99db30e05df345be9889abb5418668bea5c338135da58fc7ad7e0"
_ZIP: Final = "mimic-hf.zip"
MAPPING: Final = Path(__file__).with_name("mimic.toml")
BOOTSTRAPS: Final = 2_000
SEED: Final = 519


class External(msgspec.Struct, frozen=True):
    """A test on an outside cohort, as ``models/<name>/<version>/external/*.json`` has it."""

    cohort: str
    source: str
    outcome: str
    result: Validation


def download() -> Path:
    """Download the table from Dryad, or find it in the cache.

    Raises:
        click.ClickException: there is no way to Dryad, it asks for a login, or it has another table; says what to do.
    """
    folder = Path(pooch.os_cache("heartapp"))
    try:
        # Dryad packs the archive anew each time, so the digest is that of the table in it.
        files = pooch.retrieve(ARCHIVE, None, _ZIP, folder, processor=pooch.Unzip(members=[MEMBER]))
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"{ARCHIVE} could not be downloaded ({type(error).__name__}); get {MEMBER} of doi {DOI} with a browser and "
            "name it: python -m studies.mimic TABLE"
        ) from None
    try:
        return check(Path(files[0]))
    except click.ClickException:
        (folder / _ZIP).unlink()  # so that the next try downloads it again
        raise


def check(table: Path) -> Path:
    """The same table.

    Raises:
        click.ClickException: it is not the published one.
    """
    if hashlib.sha256(table.read_bytes()).hexdigest() != SHA256:
        raise click.ClickException(f"{table} is not {MEMBER} of doi {DOI}: its SHA-256 is another one; get it anew")
    return table


@click.command()
@click.argument("table", required=False, type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--models", default="models", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--bootstrap", default=BOOTSTRAPS, show_default=True, help="Samples of the patients.")
def main(table: Path | None, models: Path, bootstrap: int) -> None:
    """Validate the served bedside model on TABLE, which is downloaded if it is not named."""
    table = check(table) if table else download()
    model = Model(read_bundle(models, "bedside", read_served(models)["bedside"]))
    cohort = read_cohort(table, model, Mapping.read(MAPPING))
    found = External(
        cohort="Intensive care in Boston (MIMIC-III, Zhou et al. 2021)",
        source=f"https://doi.org/{DOI}",
        outcome="death in hospital",
        result=validate(model, cohort, bootstraps=bootstrap, seed=SEED),
    )
    target = models / model.name / model.identity.version / "external" / "mimic.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(pretty(found))
    click.echo(f"{found.result.verdict}\nwrote {target}")


if __name__ == "__main__":
    main()
