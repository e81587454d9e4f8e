"""`/validate`: a table is sent, its columns are matched, and the report is shown. Nothing is stored.

The table travels with the form. A process of its own judges it, as that needs packages that serving does without.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from flask import Response, make_response, render_template, request
from markupsafe import Markup

from heartapp.clinical.patient import printable
from heartapp.errors import DataError, Ending
from heartapp.tables.csv_body import read_csv
from heartapp.ui.matching import as_mapping, match
from heartapp.web.extension import get_registry, get_settings

if TYPE_CHECKING:
    from heartapp.inference.model import Model
    from heartapp.tables.csv_body import CsvRows
    from heartapp.ui.matching import Match

CHILD: Final = "heartapp.validation.child"
FIELDS: Final = 100
"""The most fields of this form."""
SECONDS: Final = 60
"""How long a table may take."""
_STATUSES: Final = {
    Ending.GOOD: HTTPStatus.OK,
    Ending.FAULTY: HTTPStatus.UNPROCESSABLE_ENTITY,
    Ending.INCOMPLETE: HTTPStatus.NOT_IMPLEMENTED,
    Ending.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Ending.LATE: HTTPStatus.SERVICE_UNAVAILABLE,
}
_ROOM: Final = 64 * 1024
"""Bytes for the other fields of the form."""
_REMEDIES: Final = (
    (r"add --code .*", "enter which texts stand for what"),
    (r", or add --anyway", ", or tick “Fewer than 30 deaths are enough”"),
    (r"(add|correct) --time-unit .*", "choose the unit of the times"),
    (r", --time-unit and --horizon", " and the unit of the times"),
)
"""The options that messages name, and what to do on the page instead."""


class Upload(NamedTuple):
    """A table: its file's name, its text, and its rows."""

    name: str
    text: str
    table: CsvRows


def validate() -> Response:
    """Answer a form with a table: with its columns to match, a report, or a scored table."""
    model = get_registry().get(request.form.get("model"))
    try:
        upload = _read_upload()
    except DataError as error:
        return _page("validate.html", HTTPStatus.UNPROCESSABLE_ENTITY, model=model, faults=[str(error)])
    matches = match(upload.table, model, {} if request.files else request.form)
    ended, output = Ending.GOOD, b""
    wanted = request.form.get("answer")
    faults = [f"{one.label}: choose its column" for one in matches if one.required and not one.column]
    if wanted in {"report", "csv"}:
        ended, output = (Ending.FAULTY, msgspec.json.encode(faults)) if faults else _run(model, upload, matches, wanted)
    if wanted == "csv" and ended == Ending.GOOD:
        disposition = {"Content-Disposition": "attachment; filename=scored.csv"}
        return Response(output, content_type="text/csv; charset=utf-8", headers=disposition)
    if wanted == "report" and ended == Ending.GOOD:
        report = Markup(output.decode())  # noqa: S704 - the child escapes what it renders
        return _page("validate_report.html", model=model, upload=upload, report=report)
    found = msgspec.json.decode(output, type=list[str]) if ended == Ending.FAULTY else []
    shown = {"model": model, "upload": upload, "matches": matches, "ended": ended.name}
    return _page("validate_columns.html", _STATUSES[ended], faults=[_in_page(fault) for fault in found], **shown)


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **content: object) -> Response:
    response = make_response(render_template(template, **content), status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "30"
    return response


def _read_upload() -> Upload:
    """The table of the file that was sent, or the one that travels with the form.

    Raises:
        DataError: it cannot be read, has no rows, or is larger than the API takes.
    """
    settings, file = get_settings(), request.files.get("file")
    name = printable((file.filename if file else request.form.get("name")) or "the table")
    content = file.read() if file else request.form.get("table", "").encode()
    elsewhere = "use `heartapp validate` on your own computer"
    # Browsers send a line end in a field as two bytes.
    if len(content) + content.count(b"\n") > settings.max_body_bytes - _ROOM:
        raise DataError(f"{name} is too large for this server; {elsewhere}")
    table = read_csv(content, name)
    if not 0 < len(table.rows) <= settings.max_patients:
        most = f"{settings.max_patients:,}"
        raise DataError(f"{name} has {len(table.rows):,} rows and may have 1 to {most}; for more, {elsewhere}")
    return Upload(name, content.decode("utf-8-sig"), table)


def _run(model: Model, upload: Upload, matches: list[Match], wanted: str) -> tuple[Ending, bytes]:
    """How the process ended, and its output. Its errors are not read: they may quote a value."""
    task = {
        "models": str(get_registry().root),
        "name": model.name,
        "version": model.identity.version,
        "place": upload.name,
        "table": upload.text,
        "mapping": as_mapping(matches),
        "answer": wanted,
        "anyway": "anyway" in request.form,
    }
    try:
        done = subprocess.run(  # noqa: S603 - this very Python, and nothing of the request among the arguments
            [sys.executable, "-P", "-m", CHILD],
            input=msgspec.json.encode(task),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ending.LATE, b""
    return Ending(done.returncode), done.stdout


def _in_page(fault: str) -> str:
    """A message of the command line with what to do on the page."""
    for option, remedy in _REMEDIES:
        fault = re.sub(option, remedy, fault)
    return fault
