"""What the commands write and print: the start of a mapping, and results as JSON and as lines."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from heartapp.files import atomic_write
from heartapp.inference.report import Estimate
from heartapp.tables.csv_body import read_csv_file
from heartapp.validation.mapping import start_mapping
from heartapp.validation.result import Validation
from heartapp.validation.update import Plan


def write_start(target: Path, table: Path, delimiter: str) -> None:
    """Write the start of a mapping file for a table.

    Raises:
        DataError: the table cannot be read, or the file cannot be written.
    """
    write_text(target, start_mapping(read_csv_file(table, delimiter).names, table.name))


def write_text(target: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    with atomic_write(target) as stream:
        stream.write(text.encode())


def as_json_text(found: Validation) -> str:
    """A result as JSON."""
    return msgspec.json.format(msgspec.json.encode(found).decode(), indent=1) + "\n"


def summarise(found: Validation) -> str:
    """The verdict and the main figures as lines."""
    figures = {
        "AUC": found.discrimination.auc,
        "Harrell's C": found.discrimination.harrell,
        "observed/expected": found.calibration.observed_expected,
        "calibration slope": found.calibration.slope,
        "Brier score": found.brier,
    }
    flow = found.table.flow
    lost = f"{flow.without_outcome:,} without outcome, {sum(flow.rejected.values()):,} left out"
    lines = [
        f"{flow.read:,} rows read: {found.patients:,} patients, {found.events:,} deaths; {lost}",
        *(f"  {count:,} × {reason}" for reason, count in flow.rejected.items()),
        *_lines(figures),
        found.verdict,
        "For research and education, not for clinical decisions.",
    ]
    return "\n".join(lines)


def compare(plan: Plan) -> str:
    """What an update is worth as lines."""
    tests = ", ".join(f"{name} p = {value:.3f}" for name, value in plan.p_values.items())
    lines = [
        f"method: {plan.method}" + (f" (closed test of each smaller update: {tests})" if tests else ""),
        "before:",
        *_lines(plan.before.figures),
        "after, corrected for optimism:",
        *_lines(plan.after.figures),
        "net benefit above treating everyone or no one, after:",
        *_lines({f"at {threshold:.0%}": gain for threshold, gain in plan.after.gains.items()}),
        *_lines({"on average": plan.after.gain}),
    ]
    return "\n".join(lines)


def _lines(figures: Mapping[str, Estimate | None]) -> Iterator[str]:
    for name, one in figures.items():
        if one is not None:
            yield f"  {name:<20}{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
