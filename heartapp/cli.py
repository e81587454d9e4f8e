"""The command line.

Every command imports what it needs when it runs, so that serving never loads training code and help is instant.
"""

from __future__ import annotations

import codecs
import re
import sys
import unicodedata
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from heartapp.errors import BundleError, HeartappError
from heartapp.scoring.names import SUFFIXES, is_many
from heartapp.scoring.signals import exit_on_signals
from heartapp.tables import DELIMITERS
from heartapp.training import defaults
from heartapp.validation.options import names_cohort, read_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from heartapp.inference.model import Model
    from heartapp.inference.served import Change
    from heartapp.keys import KeyFile
    from heartapp.scoring.score import Report
    from heartapp.training.cohort import Cohort as Table
    from heartapp.training.train import Renewal
    from heartapp.validation.cohort import Cohort

FOLDER = click.Path(file_okay=False, path_type=Path)
TABLE = click.Path(dir_okay=False, path_type=Path)
TWO_OR_MORE = click.IntRange(2)
_SOME_REJECTED: Final = 3
_MOST_LINES: Final = 10
"""Reasons and lists of rejects that are named at the end of a run."""


class _Group(click.Group):
    """Turns heartapp's own errors into one line, with the folder of bundles where one is read, and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HeartappError as error:
            raise click.ClickException(f"{ctx.obj}: {error}" if ctx.obj else str(error)) from None


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: a space for a narrow one, else a question mark."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - only written to
    plain = unicodedata.normalize("NFKC", error.object[error.start : error.end])
    return plain.encode("ascii", "replace").decode(), error.end


codecs.register_error("nearest", _nearest)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="heartapp")
def main() -> None:
    """heartapp: risk of death in heart failure. For research and education only."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="nearest")  # type: ignore[union-attr]  # a Windows code page lacks some characters


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0: any free one.")
@click.option(
    "--workers", default=2, show_default=True, envvar="WEB_CONCURRENCY", type=click.IntRange(1), help="Processes."
)
def serve(host: str, port: int, workers: int) -> None:
    """Serve page and API with Granian."""
    from heartapp.serve import serve as run

    run(host, port, workers)


_delimiter = click.option(
    "--delimiter", type=click.Choice([*DELIMITERS]), default="comma", show_default=True, help="Separates the cells."
)
_TRAINING_OPTIONS: Final = (
    click.option("--data", type=TABLE, help="The table, as CSV. [default: download the published one]"),
    _delimiter,
    click.option(
        "--horizon",
        type=click.IntRange(defaults.FIRST_HORIZON, defaults.LAST_HORIZON),
        default=defaults.HORIZON,
        show_default=True,
        help="The day by which the risk of death is learned. Without a column time the risk has no date.",
    ),
    click.option("--anyway", is_flag=True, help="Accept rows that equal another row."),
    click.option("--allow-altered", is_flag=True, help="Accept a table that is nearly the published one."),
    click.option("--seed", type=int, default=defaults.SEED, show_default=True, help="Seed of folds and members."),
)


def _takes_table(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that training and evaluation share, and call the command with the table that they name."""

    @wraps(command)
    def read_and_call(
        data: Path | None, delimiter: str, horizon: int, *, anyway: bool, allow_altered: bool, **options: Any
    ) -> None:
        # Nothing slow is imported before: a table that cannot be used is refused at once.
        with _packages("training", "train"):
            from heartapp.training.data import read_table
            from heartapp.training.download import download_table
        path = data or download_table()
        table = read_table(path, delimiter, horizon=horizon, anyway=anyway, allow_altered=allow_altered)
        click.echo(f"{len(table.outcome)} patients, {table.outcome.sum()} deaths: {table.origin}")
        _tell(*table.notes)
        command(table, **options)

    for option in reversed(_TRAINING_OPTIONS):
        read_and_call = option(read_and_call)
    return read_and_call


@main.command()
@_takes_table
@click.option("--output", type=FOLDER, default=Path("models"), show_default=True, help="Where the bundles go.")
@click.option(
    "--skip-report",
    is_flag=True,
    help="Leave out evaluation and refits: quick, but the bundle has no performance and no instability.",
)
def train(table: Table, output: Path, seed: int, *, skip_report: bool) -> None:
    """Train the models and write a new version of each bundle."""
    with _packages("training", "train"):
        from heartapp.training.train import train as run
    for folder in run(table, output, seed=seed, **({"splits": 0, "refits": 0} if skip_report else {})):
        click.echo(f"wrote {folder}; serve it with: {_promotion(folder)}")


@main.command()
@_takes_table
@click.option(
    "--split-seed",
    type=int,
    default=defaults.SPLIT_SEED,
    show_default=True,
    help=f"Seed of the first {defaults.SPLITS_A_SEED} splits; the next ones have the next seeds.",
)
@click.option("--splits", type=TWO_OR_MORE, default=defaults.SPLITS, show_default=True, help="Splits of P1.")
@click.option("--refits", type=TWO_OR_MORE, default=defaults.PROTOCOL_REFITS, show_default=True, help="Refits of P3.")
def evaluate(table: Table, seed: int, split_seed: int, splits: int, refits: int) -> None:
    """Run the protocols and print each goal beside its figure; takes minutes."""
    with _packages("training", "train"):
        from heartapp.training.protocols import run_protocols
    for line in run_protocols(table, seed=seed, splits=splits, split_seed=split_seed, refits=refits):
        click.echo(line)


@main.command()
@names_cohort
@click.option("--json", "as_json", type=TABLE, help="Write the result as JSON.")
@click.option("--report", type=TABLE, help="Write the result as one HTML file, which also prints.")
@click.option("--write-mapping", "start", type=TABLE, help="Write the start of a mapping file, and stop.")
def validate(table: Path, *, as_json: Path | None, report: Path | None, start: Path | None, **options: Any) -> None:
    """Judge a model by the patients of TABLE, whom it has not seen.

    TABLE is CSV with one row a patient. A column with a variable's own name and unit needs no option.
    """
    from heartapp.files import atomic_write
    from heartapp.inference.writing import pretty
    from heartapp.tables.csv_body import read_csv_file
    from heartapp.validation.mapping import start_mapping
    from heartapp.validation.summary import summarise

    if start:
        header = read_csv_file(table, options["delimiter"]).names
        with atomic_write(start) as file:
            file.write(start_mapping(header, table.name).encode())
        return
    model, cohort, how = _read_cohort(table, **options)
    with _packages("validation", "validate"):
        from heartapp.validation.report import render_report
        from heartapp.validation.validate import validate as run
    found = run(model, cohort, **how)
    for target, render in ((as_json, pretty), (report, render_report)):
        if target:
            with atomic_write(target) as file:
                file.write(render(found))
    click.echo(summarise(found))


@main.command()
@names_cohort
@click.option(
    "--method",
    type=click.Choice(["auto", "intercept", "recalibrate", "refit"]),
    default="auto",
    show_default=True,
    help="Auto is the closed testing procedure of Vergouwe et al. (2017).",
)
@click.option("--output", type=FOLDER, help="Where the bundle goes. [default: the folder of the model's bundle]")
def update(table: Path, *, method: Any, output: Path | None, **options: Any) -> None:
    """Fit a model to the patients of TABLE: write a new version of its bundle, which is not served by itself.

    Refused where nothing is gained over treating everyone or no one, unless --anyway.
    """
    from heartapp.config import find, read_settings

    anyway, (model, cohort, how) = options["anyway"], _read_cohort(table, **options)
    with _packages("updating", "validate"):
        from heartapp.validation.summary import compare
        from heartapp.validation.update import plan_update, write_update

    def renew() -> Renewal:
        with _packages("a refit", "train"):
            from heartapp.training.train import Renewal
        patients = (cohort.values, cohort.outcome, cohort.time, cohort.horizon, cohort.digest)
        return Renewal.of(model.name, *patients, how["seed"])

    plan, root = plan_update(model, cohort, method, renew, anyway=anyway, **how), find(read_settings().models)
    folder = write_update(model, cohort, plan, renew, root=root, output=output or root)
    click.echo(compare(plan))
    click.echo(f"wrote {folder}; serve it with: {_promotion(folder)}")


def _promotion(folder: Path) -> str:
    return f"heartapp models --folder {folder.parents[1]} promote {folder.parent.name} {folder.name}"


def _read_cohort(
    table: Path, *, name: str | None, delimiter: str, horizon: int | None, anyway: bool, **options: Any
) -> tuple[Model, Cohort, dict[str, Any]]:
    """The model, the cohort that the options name, and how often to sample it."""
    from heartapp.validation.cohort import read_cohort

    mapping, model = read_mapping(options), _served(name)
    cohort = read_cohort(table, model, mapping, delimiter=delimiter, horizon=horizon, anyway=anyway)
    _tell(*cohort.notes)
    return model, cohort, options


@main.command("audit-data")
@click.argument("path", type=TABLE)
@_delimiter
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def audit_data(path: Path, delimiter: str, *, as_json: bool) -> None:
    """Find fills, leaks, sorted rows, duplicates and altered values in a table; exit status 1 if it is faulty."""
    with _packages("training", "train"):
        from heartapp.training.audit import audit
    found = audit(path, delimiter)
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1) if as_json else found.text())
    sys.exit(found.faulty)


@main.command()
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--model", "name", help="The model that scores. [default: the setting default_model]")
@click.option(
    "--format",
    "kind",
    type=click.Choice(sorted({*SUFFIXES.values()})),
    help="Format of files without a known suffix. [default: csv for streams]",
)
@click.option(
    "--delimiter", type=click.Choice([*DELIMITERS]), help="Separates the cells of CSV. [default: comma; tab for .tsv]"
)
@click.option("--threads", type=click.IntRange(1), help="How many cores to use. [default: all]")
@click.option("--resume", is_flag=True, help="Skip the files of a folder that are complete.")
@click.option("--scheduler", metavar="ADDRESS", help="Score a folder on the Dask cluster with this scheduler.")
def score(source: str, target: str, name: str | None, scheduler: str | None, *, resume: bool, **options: Any) -> None:
    """Score patients in files: OUTPUT has INPUT's columns, then risk, verdict, probabilities, votes and model.

    INPUT and OUTPUT are CSV or Parquet files, or - for standard input and output. A folder or a quoted pattern as INPUT
    makes OUTPUT a folder with one file for each input file. Exit status: 0 if every row was scored, 3 if some were
    rejected and listed in OUTPUT.rejects.csv, 1 if the work was not done, 2 if the command was not understood.
    """
    many = is_many(source)
    if not many and (resume or scheduler):
        raise click.UsageError("--resume and --scheduler are for a folder or pattern of files as INPUT")
    with _packages("scoring files", "bulk"):
        from heartapp.scoring.parts import score_parts
        from heartapp.scoring.score import Options, score_file
    chosen, model = Options(**options), _served(name)
    advice = "complete files are kept; go on with --resume" if many else "no output was written"
    with exit_on_signals(advice), _packages("a cluster", "bulk", "dask"):
        if many:
            report = score_parts(source, Path(target), model, chosen, resume=resume, scheduler=scheduler)
        else:
            report = score_file(source, target, model, chosen)
    _tell_report(report)
    _tell(f"model: {model.identity.name} {model.identity.version}, {model.identity.digest}")
    sys.exit(_SOME_REJECTED if report.rejects else 0)


def _tell_report(report: Report) -> None:
    _tell(*report.notes)
    scored = report.read - report.rejected
    _tell(f"{report.read:,} rows read = {scored:,} scored + {report.rejected:,} rejected")
    _tell(*(f"  {count:,} × {reason}" for reason, count in report.reasons.most_common(_MOST_LINES)))
    _tell(*(f"rejected rows: {path}" for path in report.rejects[:_MOST_LINES]))


@main.group(cls=_Group, invoke_without_command=True)
@click.option("--folder", type=FOLDER, help="The folder of bundles. [default: the setting]")
@click.pass_context
def models(ctx: click.Context, folder: Path | None) -> None:
    """List, show and verify bundles; without a command, list them."""
    from heartapp.config import find, read_settings

    ctx.obj = folder or find(read_settings().models)
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@models.command("list")
@click.pass_obj
def list_models(root: Path) -> None:
    """List the bundles and mark the versions that are served."""
    from heartapp.inference.bundle import list_bundles
    from heartapp.inference.served import read_served

    served = read_served(root)
    for name, version in list_bundles(root):
        click.echo(f"{name} {version}{'  served' if served.get(name) == version else ''}")


@models.command("promote")
@click.argument("name")
@click.argument("version")
@click.option("--anyway", is_flag=True, help="Accept a bundle without an evaluation.")
@click.pass_obj
def promote_model(root: Path, name: str, version: str, *, anyway: bool) -> None:
    """Serve VERSION of a model from now on: running servers load it within seconds, without a restart.

    The bundle is checked first. served.toml gets its version and digest, and history.jsonl a line.
    """
    from heartapp.inference.served import promote

    _say_change(promote(root, name, version, keys=_trusted_keys(), anyway=anyway))


@models.command("rollback")
@click.argument("name")
@click.pass_obj
def roll_back_model(root: Path, name: str) -> None:
    """Serve the version again that the served one took the place of."""
    from heartapp.inference.served import rollback

    _say_change(rollback(root, name, keys=_trusted_keys()))


@models.command("sign")
@click.argument("name")
@click.argument("version")
@click.option("--key", type=TABLE, required=True, help="Private key on an elliptic curve, as PEM without a password.")
@click.pass_obj
def sign_model(root: Path, name: str, version: str, key: Path) -> None:
    """Sign a bundle, for servers whose setting trusted_keys has the public key."""
    with _packages("signing", "sign"):
        from heartapp.inference.signatures import sign

        click.echo(f"wrote {sign(root, name, version, key)}")


def _trusted_keys() -> list[Path]:
    from heartapp.config import find, read_settings

    return [find(key) for key in read_settings().trusted_keys]


def _say_change(change: Change) -> None:
    before = f" instead of {change.previous.partition('@')[0]}" if change.previous else ""
    click.echo(f"{change.name} {change.version} is served{before}, {change.digest}")


@models.command("show")
@click.argument("name")
@click.argument("version", required=False)
@click.pass_obj
def show_model(root: Path, name: str, version: str | None) -> None:
    """Show one bundle as JSON: variables, performance, digests. Without VERSION, the one that is served."""
    from heartapp.api.answers import summarise

    click.echo(msgspec.json.format(msgspec.json.encode(summarise(_load(root, name, version)))))


@models.command("verify")
@click.pass_obj
def verify_models(root: Path) -> None:
    """Check every bundle as a server would before it serves it; exit status 1 if one fails."""
    from heartapp.inference.bundle import list_bundles
    from heartapp.inference.signatures import check_signature

    bundles, keys = list_bundles(root), _trusted_keys()
    if not bundles:
        raise BundleError("there is no bundle; name another folder with --folder")
    failed = False
    for name, version in bundles:
        try:
            model = _load(root, name, version)
            if keys:
                check_signature(root, name, version, keys)
        except BundleError as error:
            failed = True
            click.echo(f"{name} {version}: {error}", err=True)
        else:
            click.echo(f"{name} {version}: good, {model.identity.digest}")
    sys.exit(failed)


@main.group()
def keys() -> None:
    """Manage API keys, for servers with the setting require_keys; they need no restart."""


@keys.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["predict", "metrics"]),
    multiple=True,
    default=["predict"],
    show_default=True,
)
def add_key(name: str, scopes: tuple[Any, ...]) -> None:
    """Add a key and print its secret, which is stored nowhere: send it as Authorization: Bearer SECRET."""
    click.echo(_key_file().add(name, scopes))


@keys.command("list")
def list_keys() -> None:
    """List the keys: name, scopes, time of creation."""
    for name, key in _key_file().keys.items():
        click.echo(f"{name}  {','.join(key.scopes)}  {key.created}")


@keys.command("revoke")
@click.argument("name")
def revoke_key(name: str) -> None:
    """Remove a key; running servers refuse it at once."""
    _key_file().revoke(name)


def _key_file() -> KeyFile:
    from heartapp.config import find
    from heartapp.keys import FILE, KeyFile

    return KeyFile(find(FILE))


@main.command("config")
def show_config() -> None:
    """Check the settings and print each with its value, its source and what it is for.

    Later sources win: the defaults, the TOML file that HEARTAPP_CONFIG names, instance/config.toml, and the environment
    with names like HEARTAPP_MAX_PATIENTS. Without HEARTAPP_HOME, relative paths start at the checkout that heartapp
    runs from, or at the working folder.
    """
    from heartapp.config import describe_settings

    for name, value, source, purpose in describe_settings():
        click.echo(f"{name} = {value}  [{source}]\n    {purpose}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def variables(*, as_json: bool) -> None:
    """Print the table of variables."""
    from heartapp.clinical.variables import VARIABLES

    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(VARIABLES)))
        return
    width = max(len(variable.name) for variable in VARIABLES)
    for variable in VARIABLES:
        click.echo(f"{variable.name:<{width}}  {variable.expected}. {variable.label}: {variable.help}")


@contextmanager
def _packages(purpose: str, *extras: str) -> Iterator[None]:
    """Say how to install the packages of extras where one is missing: by the first one's lock, or by their names."""
    try:
        yield
    except ImportError as error:
        install = f"in a checkout run `make .venv/{extras[0]}`, elsewhere `pip install {' '.join(_names(extras))}`"
        message = f"{purpose} needs more packages ({error.name} is missing): {install}"
        raise click.ClickException(message) from None


def _names(extras: tuple[str, ...]) -> list[str]:
    """The packages of extras on this platform."""
    elsewhere = f"sys_platform {'!=' if sys.platform == 'darwin' else '=='} 'darwin'"
    wanted = [f"extra == '{extra}'" for extra in extras]
    requirements = [line.replace('"', "'") for line in requires("heartapp") or []]
    return [
        re.split(r"[^\w.-]", line, maxsplit=1)[0]
        for line in requirements
        if any(extra in line for extra in wanted) and elsewhere not in line and not line.startswith("heartapp")
    ]


def _tell(*lines: str) -> None:
    """Lines for people, beside what a program may read from standard output."""
    for line in lines:
        click.echo(line, err=True)


def _served(name: str | None) -> Model:
    """A model as the server would serve it, by the settings."""
    from heartapp.config import find, read_settings

    settings = read_settings()
    name = name or settings.default_model
    return _load(find(settings.models), name, settings.served.get(name))


def _load(root: Path, name: str, version: str | None) -> Model:
    from heartapp.inference.bundle import list_bundles, read_bundle
    from heartapp.inference.model import Model
    from heartapp.inference.served import Pin, read_pins

    there = list_bundles(root)
    version, digest = Pin.parse(version) if version else read_pins(root).get(name, (None, None))
    if version is None or (name, version) not in there:
        wanted = f"no version of {name} that is served" if version is None else f"no bundle {name} {version}"
        listed = ", ".join(" ".join(one) for one in there) or "none"
        raise BundleError(f"there is {wanted}; these are there: {listed}")
    return Model(read_bundle(root, name, version, digest))
