from __future__ import annotations

import pytest

from journeyman.auth.tokens import SharedSecret, TokenVerifier
from journeyman.clock import ManualClock
from tests.harness.forged_tokens import NOW, POLICY, SECRET
from tests.harness.key_service import KeyService


@pytest.fixture
def service() -> KeyService:
    return KeyService()


@pytest.fixture
def tokens() -> TokenVerifier:
    return TokenVerifier(POLICY, SharedSecret(SECRET), ManualClock(NOW * 1_000_000))
