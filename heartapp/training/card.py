"""``MODEL_CARD.md``: the report in words, for people who hold the bundle and no server.

What it says is told in `heartapp.inference.telling`, as on the model's page; here it becomes Markdown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heartapp.inference.telling import tell
from heartapp.inference.telling.parts import Bullets, Figure, Table, Warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heartapp.inference.bundle import Manifest
    from heartapp.inference.report import Report
    from heartapp.inference.telling.parts import Part, Section

MOST_ROWS: Final = 25
"""A plot's numbers longer than this are given in steps; `report.json` has them all."""
_STEP: Final = 5


def write_card(manifest: Manifest, report: Report) -> str:
    """The card as Markdown."""
    head = (
        f"# heartapp {manifest.name}, version {manifest.version}\n\n"
        "For research and education, not for clinical decisions. All figures are those of `report.json` beside this "
        "file."
    )
    return "\n\n".join([head, *map(_section, tell(manifest, report))]) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join([f"## {section.title}", *map(_part, section.parts)])


def _part(part: Part) -> str:
    match part:
        case Table():
            return _table(part)
        case Figure():
            return f"### {part.title}\n\n{part.seen}\n\n{_table(_thinned(part.table))}"
        case Bullets():
            return "\n".join(f"- {item}" for item in part.items)
        case Warn():
            return f"> {part.text}"
        case _:
            return part


def _thinned(table: Table) -> Table:
    if len(table.rows) <= MOST_ROWS:
        return table
    caption = f"{table.caption}, every {_STEP}th; `report.json` has them all"
    return Table(caption, table.head, table.rows[::_STEP], table.numbers)


def _table(table: Table) -> str:
    rule = ["---:" if column in table.numbers else "---" for column in range(len(table.head))]
    return "\n".join([f"**{table.caption}**", "", *map(_row, (table.head, rule, *table.rows))])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
