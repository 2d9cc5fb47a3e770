"""Requirement: a caller's trace goes through the run to the gateway, and the run's spans come out within it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REPLY = {"model": "gpt", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}


class Peer:
    """A gateway and a collector on one port: what it was sent, by path."""

    def __init__(self) -> None:
        self.sent: dict[str, list[tuple[dict[str, str], bytes]]] = {}
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                peer.sent.setdefault(self.path, []).append((headers, body))
                answer = json.dumps(REPLY).encode() if self.path == "/chat/completions" else b""
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.server.shutdown()
    made.server.server_close()


async def test_a_trace_goes_in_and_out(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", peer.url)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: support\nmodel: gpt\n")
    app = App(Settings.read(database_url="memory://", litellm_gateway_url=peer.url), tmp_path / "agent.yaml")
    traceparent = f"00-{TRACE}-{CALLER}-01"
    answers = [
        await request(app, "POST", "/process", json={"user_input": "hi"}, headers=headers)
        for headers in ({"traceparent": traceparent}, {"traceparent": "nonsense"})
    ]
    found = (await request(app, "GET", f"/runs?trace_id={TRACE}")).json()["items"]
    await app.stop()

    assert [answer.json()["status"] for answer in answers] == ["finished", "finished"]
    assert [item["run_id"] for item in found] == [answers[0].json()["run_id"]]

    within, anew = (headers["traceparent"].split("-") for headers, _ in peer.sent["/chat/completions"])
    assert within[1] == TRACE
    assert anew[1] != TRACE
    spans = _spans(peer)
    chat, run = (next(span for span in spans if span.name == name and span.trace_id.hex() == TRACE) for name in NAMES)
    assert (run.parent_span_id.hex(), chat.parent_span_id) == (CALLER, run.span_id)
    assert chat.span_id.hex() == within[2]  # what the gateway does stands under the call that asked for it
    assert {span.trace_id.hex() for span in spans} == {TRACE, anew[1]}


NAMES = ("chat gpt", "invoke_agent support")


def _spans(peer: Peer) -> list:
    bodies = [ExportTraceServiceRequest.FromString(body) for _, body in peer.sent["/v1/traces"]]
    kinds = [each for body in bodies for resource in body.resource_spans for each in resource.resource.attributes]
    assert {each.value.string_value for each in kinds if each.key == "service.name"} == {"journeyman"}
    scopes = [scope for body in bodies for resource in body.resource_spans for scope in resource.scope_spans]
    return [span for scope in scopes for span in scope.spans]


async def test_a_collector_that_is_away_costs_nobody_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: support\nmodel: offline\n")
    app = App(Settings.read(database_url="memory://"), tmp_path / "agent.yaml")
    answer = await request(app, "POST", "/process", json={"user_input": "hi"})
    async with asyncio.timeout(20):
        await app.stop()
    assert answer.json()["status"] == "finished"


def test_without_the_variables_nothing_is_imported() -> None:
    loaded = "[name for name in sys.modules if name.startswith('opentelemetry.sdk')]"
    code = f"import sys, journeyman.server.serving.app; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]", done.stderr
