from __future__ import annotations

import http.server
import json
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from journeyman.cli.client.api_client import ApiClient, Frame
from journeyman.cli.client.asgi_client import AsgiClient
from journeyman.cli.client.http_client import HttpApiClient, LostConnectionError
from journeyman.errors import (
    ConfigurationError,
    NotFoundError,
    ServiceUnavailableError,
    ValidationError,
)

STREAM = (
    b': ping\r\nid: 1\nevent: run_accepted\ndata: {"seq":1}\n\nevent: delta\ndata: {"text":\ndata: "a"}\n\nevent: lost'
)


FRAMES = [Frame("run_accepted", {"seq": 1}, 1), Frame("delta", {"text": "a"})]


PROBLEM = json.dumps({"error": "There is none.", "code": "not_found"}).encode()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Echoes a call, streams on /stream, and answers 404 on /missing."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
        return
    status, body = answer(scope["method"], scope["raw_path"].decode(), (await receive())["body"])
    await send({"type": "http.response.start", "status": status, "headers": []})
    for start in range(0, len(body), 7):
        await send({"type": "http.response.body", "body": body[start : start + 7], "more_body": True})
    await send({"type": "http.response.body"})


def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
    match path:
        case "/stream":
            return 200, STREAM
        case "/missing":
            return 404, PROBLEM
        case "/nothing":
            return 204, b""
        case _:
            return 200, json.dumps({"method": method, "path": path, "body": body.decode()}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = answer(self.command, self.path, sent)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *parts: object) -> None: ...


@pytest.fixture(params=["remote", "in process"])
def client(request: pytest.FixtureRequest) -> Iterator[ApiClient]:
    if request.param == "in process":
        with AsgiClient(application) as local:
            yield local
        return
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield HttpApiClient(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


def test_a_call(client: ApiClient) -> None:
    assert client.call("POST", "/x", {"a": 1}) == {"method": "POST", "path": "/x", "body": '{"a":1}'}
    assert client.call("GET", "/nothing") is None


def test_a_stream(client: ApiClient) -> None:
    assert list(client.stream("GET", "/stream")) == FRAMES


def test_an_error_response(client: ApiClient) -> None:
    with pytest.raises(NotFoundError, match="There is none"):
        client.call("GET", "/missing")
    with pytest.raises(NotFoundError, match="There is none"):
        list(client.stream("GET", "/missing"))


def test_a_stream_left_early_does_not_block_the_next_call(client: ApiClient) -> None:
    stream = client.stream("GET", "/stream")
    assert next(stream) == FRAMES[0]
    stream.close()  # type: ignore[attr-defined]
    assert client.call("GET", "/y")["path"] == "/y"


def test_no_server_answers() -> None:
    with pytest.raises(ServiceUnavailableError, match="journeyman serve"):
        HttpApiClient("http://127.0.0.1:1").call("GET", "/")
    with pytest.raises(ServiceUnavailableError):
        list(HttpApiClient("http://127.0.0.1:1").stream("GET", "/"))


def test_a_connection_that_is_lost_names_the_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sent: list[bytes] = []

        def hang_up() -> None:
            connection, _ = server.accept()
            with connection:
                sent.append(connection.recv(4096))

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(LostConnectionError, match="was lost before it answered") as lost:
            HttpApiClient(f"http://127.0.0.1:{server.getsockname()[1]}").call("POST", "/process", {})
        thread.join()
    assert f"X-Request-ID: {lost.value.request_id}".encode() in sent[0]


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://"])
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="http://HOST:PORT"):
        HttpApiClient(url)


async def stuck(scope: Any, receive: Any, send: Any) -> None:
    """Raises SIGINT when it is called, then waits for the client to disconnect."""
    if scope["type"] == "lifespan":
        await application(scope, receive, send)
        return
    await receive()
    signal.raise_signal(signal.SIGINT)
    assert (await receive())["type"] == "http.disconnect"
    received.append("disconnect")


received: list[str] = []


def test_ctrl_c_ends_the_call_and_disconnects() -> None:
    received.clear()
    with AsgiClient(stuck) as client:
        with pytest.raises(KeyboardInterrupt):
            client.call("GET", "/")
        assert received == ["disconnect"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no agents"})


async def failing(scope: Any, receive: Any, send: Any) -> None:
    raise ConfigurationError("broken")


@pytest.mark.parametrize(("app", "words"), [(refusing, "no agents"), (failing, "broken")])
def test_an_application_that_cannot_start(app: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words), AsgiClient(app):
        pass
