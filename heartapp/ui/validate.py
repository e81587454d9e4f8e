"""`/validate`: a table is sent, its columns are matched, and the report is shown. Nothing is stored.

The table travels with the form. The report's page is sent in parts, with the progress before the report: that needs no
script, no second request and no memory between requests, and any worker process can do it.
"""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, Final, NamedTuple

import msgspec
from flask import Response, make_response, render_template, request, stream_template

from heartapp.clinical.patient import printable
from heartapp.errors import DataError, Ending
from heartapp.inference.model import Model
from heartapp.tables.csv_body import CsvRows, read_csv
from heartapp.ui.matching import Match, as_mapping, match
from heartapp.ui.work import Work
from heartapp.web.extension import get_registry, get_settings
from heartapp.web.middleware import STREAMED

FIELDS: Final = 100
"""The most fields of this form."""
BOOTSTRAPS: Final = 500
"""As many as in `heartapp validate`."""
_STATUSES: Final = {
    Ending.FAULTY: HTTPStatus.UNPROCESSABLE_ENTITY,
    Ending.FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    Ending.INCOMPLETE: HTTPStatus.NOT_IMPLEMENTED,
    Ending.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Ending.LATE: HTTPStatus.SERVICE_UNAVAILABLE,
}
_ROOM: Final = 64 * 1024
"""Bytes for the other fields of the form."""


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
    matches, wanted = match(upload.table, model, {} if request.files else request.form), request.form.get("answer")
    shown: dict[str, Any] = {"model": model, "upload": upload}
    if wanted not in {"report", "csv"}:
        return _page("validate_columns.html", matches=matches, ended=Ending.GOOD, faults=[], **shown)
    work = Work(_task(model, upload, matches, wanted))
    progress = work.progress()
    begun = [*islice(progress, 1)]
    if begun or (work.result[0] == Ending.GOOD and wanted == "report"):
        return _stream(work, chain(begun, progress), **shown)
    ended, answer = work.result
    if ended == Ending.GOOD:
        disposition = {"Content-Disposition": "attachment; filename=scored.csv"}
        return Response(answer, content_type="text/csv; charset=utf-8", headers=disposition)
    faults = msgspec.json.decode(answer or b"[]", type=list[str])
    return _page("validate_columns.html", _STATUSES[ended], matches=matches, ended=ended, faults=faults, **shown)


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **content: object) -> Response:
    response = make_response(render_template(template, **content), status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "30"
    return response


def _stream(work: Work, progress: Iterator[int], **content: object) -> Response:
    """The page whose report follows when it is there; nginx is asked to pass on each part."""
    page = stream_template("validate_report.html", work=work, progress=progress, **content)
    response = Response(page, headers={"X-Accel-Buffering": "no"})
    response.call_on_close(work.stop)
    request.environ[STREAMED] = True
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


def _task(model: Model, upload: Upload, matches: list[Match], wanted: str) -> dict[str, object]:
    """What `heartapp.validation.page.Task` has."""
    return {
        "models": str(get_registry().root),
        "name": model.name,
        "version": model.identity.version,
        "place": upload.name,
        "table": upload.text,
        "mapping": as_mapping(matches),
        "answer": wanted,
        "anyway": "anyway" in request.form,
        "bootstraps": BOOTSTRAPS,
    }
