"""Traces that a server with two workers sends to a collector."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.server.running import BEDSIDE_EXAMPLE, BODY, JSON, running, wait_until

PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Where to send traces, and the spans that have come."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            spans.extend(one for group in sent.resource_spans for scope in group.scope_spans for one in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
        server.shutdown()


def test_each_request_is_a_span_with_its_steps_and_without_values(home: Path, program: tuple[str, ...]) -> None:
    traced = {**JSON, "traceparent": f"00-{PARENT}-00f067aa0ba902b7-01"}
    with collector() as (url, spans), running(home, "--workers", "2", command=program, HEARTAPP_TRACES=url) as server:
        for _ in range(10):
            assert server.request("POST", "/api/v1/predict", BODY, traced).status == 200
        assert server.predict({**BEDSIDE_EXAMPLE, "age": "sentinel"}).status == 422
        assert server.get("/sentinel?sentinel=1").status == 404
        wait_until(lambda: sum(span.name == "POST /api/v1/predict" for span in spans) == 11, "the spans are there")
        wait_until(lambda: "request" in {span.name for span in spans}, "the span of the unknown address is there")
    ours = [span for span in spans if span.trace_id.hex() == PARENT]
    for step in ("POST /api/v1/predict", "read", "predict", "render"):
        assert sum(span.name == step for span in ours) == 10
    assert "sentinel" not in str(spans)
