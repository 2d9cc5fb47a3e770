"""The debug pages, which are there with `DEBUG` only."""

from __future__ import annotations

import msgspec

from journeyman.api.app import build_app
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


class Pages:
    def state(self) -> msgspec.Raw:
        return msgspec.Raw(b'{"runs": 1}')

    def services(self) -> msgspec.Raw:
        return msgspec.Raw(b'{"gateway": "closed"}')

    def tasks(self) -> msgspec.Raw:
        return msgspec.Raw(b"[]")


async def test_each_page_is_what_the_process_says_of_itself() -> None:
    app = build_app(make_ports(debug=Pages()))
    shown = [(await request(app, "GET", f"/debug/{page}")).json() for page in ("state", "services", "tasks")]
    assert shown == [{"runs": 1}, {"gateway": "closed"}, []]
