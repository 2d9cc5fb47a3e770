"""A server that asks who calls, as its operator and its clients meet it: commands, sockets, an issuer's key set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

AGENT = "type: react_agent\nname: support\nmodel: offline\ntools: [get_username]\n"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("JWT_", "API_KEY", "AUTH_", "HOST"))}


def command(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "journeyman", *arguments],
        cwd=folder,
        env={**PLAIN, **settings},
        capture_output=True,
        text=True,
        timeout=40,
    )


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[str]:
    """The address of a server over `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "journeyman", "serve", "--no-watch", "--port", "0"],
        cwd=folder,
        env={**PLAIN, "LOG_FORMAT": "json", **settings},
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("w"),
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready on" in line, (folder / "log").read_text()
        yield line.split("ready on ")[1].split(" ")[0].replace("0.0.0.0", "127.0.0.1")
    finally:
        process.terminate()
        process.wait(20)


def ask(url: str, credential: str | None = None, body: Any = None, **headers: str) -> tuple[int, Any]:
    if credential is not None:
        headers["authorization"] = f"Bearer {credential}"
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["content-type"] = "application/json"
    asked = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as exc:
        return exc.code, json.load(exc)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(AGENT)
    return tmp_path


def test_no_way_in_no_start(folder: Path) -> None:
    """The advice of the refusal leads on."""
    refused = command(folder, "serve", "--no-watch", AUTH_MODE="required")
    assert (refused.returncode, "journeyman keys create admin" in refused.stderr) == (3, True)
    open_to_all = {"AUTH_MODE": "required", "HOST": "0.0.0.0"}
    made = command(folder, "keys", "create", "admin", "--scopes", "admin", "--json", **open_to_all)
    key = json.loads(made.stdout)["key"]
    with serving(folder, **open_to_all) as url:
        assert ask(f"{url}/threads")[0] == 401
        assert ask(f"{url}/livez")[0] == 200
        status, answer = ask(f"{url}/process", key, {"user_input": "hello"}, x_forwarded_for="6.6.6.6")
        assert (status, answer["status"]) == (200, "finished")
        _commands_beside_it(folder, url, key)
        assert ask(f"{url}/threads", "jm_wrong")[0] == 401
    log = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    ended = [line for line in log if line.get("run_id") == answer["run_id"]]
    assert ended
    assert {line["principal"] for line in ended} == {"key:admin"}
    assert {line["client"] for line in log if "request refused" in line["message"]} == {"127.0.0.1"}
    assert key not in (folder / "log").read_text()
    assert key.encode() not in (folder / "journeyman.db").read_bytes()


def _commands_beside_it(folder: Path, url: str, key: str) -> None:
    """They go through the server, with the key of the environment."""
    refused = command(folder, "keys", "create", "shop", "--scopes", "read", "--rate", "often", JOURNEYMAN_API_KEY=key)
    assert (refused.returncode, "'often' is not a valid rate: a rate is written like" in refused.stderr) == (2, True)
    limits = ("--rate", "2/1h", "--concurrent", "4", "--tokens-per-day", "1000", "--usd-per-day", "2.5")
    made = command(folder, "keys", "create", "shop", "--scopes", "read", "--json", *limits, JOURNEYMAN_API_KEY=key)
    shop = json.loads(made.stdout)
    assert (shop["rate"], shop["quota"]["usd_per_day"]) == ("2/1h", 2.5)
    shown = command(folder, "keys", "list").stdout
    assert "2/1h, 4 at once, 1000 tokens a day, $2.5 a day" in shown
    assert [ask(f"{url}/threads", shop["key"])[0] for _ in range(3)] == [200, 200, 429]
    assert command(folder, "keys", "revoke", shop["id"], JOURNEYMAN_API_KEY=key).returncode == 0
    assert ask(f"{url}/threads", shop["key"])[0] == 401
    threads = command(folder, "threads", "--json", "--principal", "key:admin")
    assert len(json.loads(threads.stdout)["items"]) == 1


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@contextmanager
def issuer(keys: dict[str, Any]) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def token(**changes: Any) -> str:
    claims = {"sub": "ann", "aud": "journeyman", "iss": "https://idp.example", "scope": "run read"}
    return jwt.encode({**claims, "exp": int(time.time()) + 60, **changes}, RSA, algorithm="RS256", headers={"kid": "k"})


def test_tokens_of_an_issuer_and_a_seeded_key(folder: Path) -> None:
    jwk = jwt.get_algorithm_by_name("RS256").to_jwk(RSA.public_key(), as_dict=True)
    seed = "seed-of-the-first-admin-key-0123456789"
    with issuer({"keys": [{**jwk, "kid": "k", "use": "sig", "alg": "RS256"}]}) as address:
        settings = {"JWT_JWKS_URL": address, "JWT_AUDIENCE": "journeyman", "JWT_ISSUER": "https://idp.example"}
        with serving(folder, AUTH_MODE="required", API_KEY=seed, DATABASE_URL="memory://", **settings) as url:
            status, answer = ask(f"{url}/process", token(), {"user_input": "What is my name?"})
            assert (status, answer["status"]) == (200, "finished")
            assert len(ask(f"{url}/threads", token())[1]["items"]) == 1
            assert ask(f"{url}/threads", token(sub="bob"))[1]["items"] == []
            assert ask(f"{url}/keys", token())[0] == 403
            assert ask(f"{url}/keys", seed)[0] == 200
            forged = token().rsplit(".", 1)[0] + "." + token(sub="bob").rsplit(".", 1)[1]
            refused = [ask(f"{url}/threads", each) for each in (token(exp=1), token(aud="x"), forged, "a.b.c", "x")]
            assert {status for status, _ in refused} == {401}
            assert len({json.dumps({**problem, "error_id": ""}) for _, problem in refused}) == 1
