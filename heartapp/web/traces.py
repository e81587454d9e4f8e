"""OpenTelemetry traces: a span for each request, and in it the spans of `heartapp.web.observe.span`.

No span has a query, a body or an error's message, which may quote a patient's value.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, request, request_finished
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, get_current_span


def start(app: Flask, endpoint: str) -> Callable[[str], AbstractContextManager[Any]]:
    """Trace the requests of this process, after any fork: a thread sends the spans. Gives what begins a span."""
    provider = TracerProvider(resource=Resource.create({"service.name": "heartapp"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint), schedule_delay_millis=1_000))
    tracer = provider.get_tracer("heartapp")
    span = partial(tracer.start_as_current_span, record_exception=False, set_status_on_exception=False)
    inner = app.wsgi_app

    def traced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent = {"traceparent": environ.get("HTTP_TRACEPARENT", ""), "tracestate": environ.get("HTTP_TRACESTATE", "")}
        with span("request", context=extract(sent), kind=SpanKind.SERVER):
            return inner(environ, start_response)

    app.wsgi_app = traced  # type: ignore[method-assign]  # Flask documents wrapping it so
    request_finished.connect(_name, app)
    return span


def _name(_app: Flask, response: Response) -> None:
    """Name the request's span by its route, as an address that is not known may hold anything."""
    span = get_current_span()
    if rule := request.url_rule:
        span.update_name(f"{request.method} {rule}")
        span.set_attribute("http.route", str(rule))
    span.set_attribute("http.response.status_code", response.status_code)
