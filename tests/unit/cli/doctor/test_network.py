"""What the doctor says of addresses, keys and services."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from journeyman.cli.doctor import network
from journeyman.settings import Settings

KEY = "k" * 43


def settings(**given: object) -> Settings:
    return Settings.read(env_file=None, **given)


def test_the_address_is_free_or_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = network.address(settings(port=port, database_url="memory://"))
    assert (taken.state, "another program" in taken.text) == ("broken", True)
    assert network.address(settings(port=port, database_url="memory://")).state == "fine"
    assert network.address(settings(port=0)).state == "fine"
    far = settings(host="192.0.2.1", auth_mode="required", database_url="memory://")
    assert "correct HOST or PORT" in network.address(far).text


def test_who_could_call(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert network.callers(settings()).state == "fine"
    assert "journeyman keys create" in network.callers(settings(auth_mode="required", database_url=url)).text
    seeded = settings(auth_mode="required", database_url=url, api_key=KEY)
    assert (network.callers(seeded).text, KEY in network.callers(seeded).text) == ("the seed key", False)


def _certificate(folder: Path, days: float) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agents.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "cert.pem", folder / "key.pem"


def test_a_certificate_and_its_key(tmp_path: Path) -> None:
    assert network.tls(settings()).state == "fine"
    assert "in the clear" in network.tls(settings(host="192.0.2.1", auth_mode="required")).text
    good, short, over = (_certificate(tmp_path / str(days), days) for days in (90.5, 3.5, -2.0))
    states = [network.tls(settings(ssl_cert_path=cert, ssl_key_path=key)).state for cert, key in (good, short, over)]
    assert states == ["fine", "warning", "broken"]
    mixed = network.tls(settings(ssl_cert_path=good[0], ssl_key_path=short[1]))
    assert (mixed.state, "together" in mixed.text) == ("broken", True)


Serve = Callable[[int, bytes, dict[str, str]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers every request alike, and returns its address."""
    servers = []

    def started(status: int, body: bytes, headers: dict[str, str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return None

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "state"), [(200, "fine"), (401, "broken"), (500, "warning")])
def test_the_gateway_answers(serve: Serve, status: int, state: str) -> None:
    found = network.gateway(settings(litellm_gateway_url=serve(status, b"{}", {}), litellm_gateway_api_key="sk-secret"))
    assert (found.state, "sk-secret" in found.text) == (state, False)


def test_a_gateway_that_is_not_there_or_not_set() -> None:
    assert network.gateway(settings(litellm_gateway_url="http://127.0.0.1:1")).state == "broken"
    assert network.gateway(settings()).state == "warning"


def test_the_gateway_of_the_openai_variables_answers(serve: Serve) -> None:
    url = serve(401, b"{}", {})
    found = network.gateway(settings(openai_base_url=f"{url}/v1?api_key=in-the-query", openai_api_key="sk-secret"))
    assert found.text == f"{url}/v1/models answers 401; correct OPENAI_API_KEY"


def test_clocks_that_differ(serve: Serve) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = network.gateway(settings(litellm_gateway_url=serve(200, b"{}", {"Date": date})))
    assert (found.state, "clock and this machine's differ by" in found.text) == ("warning", True)
    assert network.clock_skew("not a date", 0.0) == network.clock_skew(None, 0.0) == 0.0


@pytest.mark.parametrize(
    ("body", "state"), [(b'{"keys": [{}]}', "fine"), (b'{"keys": []}', "broken"), (b"[]", "broken"), (b"<", "broken")]
)
def test_the_key_set_has_keys(serve: Serve, body: bytes, state: str) -> None:
    given = {"jwt_issuer": "https://idp.example", "jwt_audience": "journeyman"}
    assert network.key_set(settings(jwt_jwks_url=serve(200, body, {}), **given)).state == state
