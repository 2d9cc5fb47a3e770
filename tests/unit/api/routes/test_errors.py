from __future__ import annotations

from typing import Any

import msgspec

from journeyman.api.app import build_app
from journeyman.journal.journal import FailureRow
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_errors() -> None:
    ports = make_ports()
    app = build_app(ports)
    row = FailureRow(
        code="gateway_timeout",
        agent="support",
        count=3,
        first_at=1_000_000,
        last_at=61_000_000,
        latest_run="run_3",
        error_id="err_1",
        last_seq=5,
    )
    others = [msgspec.structs.replace(row, agent=agent) for agent in (None, "sales")]
    ports.runs.failed = [(each, "It was silent.") for each in (row, *others)]  # type: ignore[attr-defined]
    listed = await get(app, "/errors?limit=3")
    first = listed["items"][0]
    assert len({item.pop("fingerprint") for item in listed["items"]}) == 3
    assert (first["first_at"], first["last_at"]) == ("1970-01-01T00:00:01.000000Z", "1970-01-01T00:01:01.000000Z")
    assert (first["count"], first["latest_run"], first["message"]) == (3, "run_3", "It was silent.")
    assert len((await get(app, "/errors?limit=1"))["items"]) == 1
