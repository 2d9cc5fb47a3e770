from __future__ import annotations

import pytest

from tests.harness.secured_api import SecuredApp


@pytest.fixture
async def secured() -> SecuredApp:
    return await SecuredApp().open()
