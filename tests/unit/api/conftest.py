"""The API over doubles of the use cases: with keys, and shared by tests that change nothing."""

from __future__ import annotations

import pytest
from starlette.types import ASGIApp

from journeyman.api.app import build_app
from tests.harness.fake_use_cases import make_ports
from tests.harness.secured_api import SecuredApp


@pytest.fixture
async def secured() -> SecuredApp:
    """A new application that asks for keys, with a key for each scope."""
    return await SecuredApp().open()


@pytest.fixture(scope="session")
def shared_app() -> ASGIApp:
    """One application for all tests whose requests are refused or change nothing: building one takes 20 ms of CPU."""
    return build_app(make_ports())
