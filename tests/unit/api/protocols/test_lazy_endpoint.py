"""LazyEndpoint: nothing is imported before the first request."""

from __future__ import annotations

import subprocess
import sys

import pytest

from journeyman.api.app import build_app
from journeyman.api.protocols.lazy_endpoint import LazyEndpoint
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


def test_an_application_is_built_without_the_code_of_protocols() -> None:
    code = (
        "import sys, journeyman.api.app\n"
        "print([each for each in sys.modules if each.startswith('journeyman.api.protocols.openai_chat')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_first_request_makes_the_endpoint_once() -> None:
    endpoint = LazyEndpoint("journeyman.api.protocols.openai_models", "list_models", make_ports())
    assert endpoint._app is None
    app = build_app(make_ports())
    assert (await request(app, "GET", "/v1/models")).status == 200
    assert (await request(app, "GET", "/v1/models")).status == 200


async def test_a_name_that_is_not_there_is_an_error_of_the_program() -> None:
    async def nothing(*_: object) -> None: ...

    endpoint = LazyEndpoint("journeyman.api.protocols.openai_models", "no_such", make_ports())
    with pytest.raises(AttributeError):
        await endpoint({"type": "http"}, nothing, nothing)  # type: ignore[arg-type]
