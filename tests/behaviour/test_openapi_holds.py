"""Requirement: the server does what its OpenAPI document says: schemathesis asks everything in it, with every check.

What a schema cannot say (an opaque cursor, a key that may be used once) is in `harness/openapi_hooks.py`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.real_server import ROOT, RealServer

ADMIN = "admin-key-of-the-schema-tests-0123456789"
SEED = os.environ.get("FUZZ_SEED", "1")
AGENT = """\
type: react_agent
name: support
model: offline
tools:
  - get_username
  - {name: calculator, approval: always}
"""
CONFIG = """\
hooks = "{hooks}"
suppress-health-check = ["all"]
request-timeout = 20

[generation]
allow-x00 = false  # the document says that no string holds NUL; a schema of free objects cannot
database = "none"

[warnings]
enabled = false

[auth.wfc]
path = "{people}"
user = "{who}"
peers = ["ann", "bob"]
"""


def ask(url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {ADMIN}", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20) as answer:
        return json.load(answer)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    (tmp_path / "agent.yaml").write_text(AGENT)
    settings = {
        "AUTH_MODE": "required",
        "API_KEY": ADMIN,
        "RATE_LIMIT_ENABLED": "false",
        "DEBUG": "true",
        "LOG_FORMAT": "json",
        "REQUEST_WAIT_SECONDS": "5",
    }
    server = RealServer(tmp_path, tmp_path / "agent.yaml", settings, preloaded=True)
    await server.start()
    yield server
    await server.close()


def introduce(server: RealServer) -> str:
    """The admin, two tenants and one who may only look, told of in a file; the ids of their keys."""
    keys = {"admin": {"id": "seed", "key": ADMIN}}
    for name, scopes in {"ann": ["run", "read", "tools", "approve"], "bob": ["run", "read"], "eve": ["read"]}.items():
        keys[name] = ask(f"{server.url}/keys", "POST", {"name": name, "scopes": scopes})
    told = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {made['key']}"}]}
        for name, made in keys.items()
    ]
    (server.folder / "people.json").write_text(json.dumps({"auth": told}))
    return " ".join(made["id"] for made in keys.values())


def examine(server: RealServer, who: str, *arguments: str) -> dict[str, Any]:
    """Run schemathesis as one of the people: its report."""
    folder = server.folder
    config, report = folder / f"{who}.toml", folder / f"{who}.json"
    own_keys = introduce(server)
    hooks = ROOT / "tests/harness/schemathesis_hooks.py"
    config.write_text(CONFIG.format(hooks=hooks, people=folder / "people.json", who=who))
    words = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
    words += ["run", f"{server.url}/openapi.json", "--checks", "all", "--no-color", "--no-shrink", "--seed", SEED]
    words += ["--continue-on-failure", "--report", "json", "--report-json-path", str(report), *arguments]
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "JOURNEYMAN_OWN_KEYS": own_keys},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout[-12_000:]}\n{done.stderr[-2000:]}"
    read: dict[str, Any] = json.loads(report.read_text())
    return read


def judge(server: RealServer, who: str, report: dict[str, Any]) -> None:
    """Nothing failed, everything was asked, the server is well and has told no secret."""
    operations = [*ask(f"{server.url}/openapi.json")["paths"].values()]
    assert report["operations"]["tested"] == sum(map(len, operations))
    assert (report["failures"], report["test_cases"]["errored"], server.alive) == ([], 0, True)
    log = server.tail(10_000_000)
    assert '"level":"error"' not in log
    assert ADMIN not in log
    cases = report["test_cases"]["generated"]
    print(f"schemathesis as {who}: {report['operations']['tested']} operations, {cases} cases, 0 failures")


@pytest.mark.timeout(250)
def test_every_operation_with_every_check(server: RealServer) -> None:
    judge(server, "admin", examine(server, "admin", "--phases", "examples,coverage"))


@pytest.mark.long
@pytest.mark.timeout(500)
def test_with_random_values_and_in_random_orders_and_with_lesser_keys(server: RealServer) -> None:
    judge(server, "admin", examine(server, "admin", "--max-examples", "15"))
    judge(server, "eve", examine(server, "eve", "--phases", "coverage"))
    print(f"CPU of schemathesis: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:.0f} s")
