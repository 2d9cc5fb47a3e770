"""Authentication as the settings ask for it."""

from __future__ import annotations

import random

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.errors import ConfigurationError
from journeyman.journal.memory import MemoryJournal
from journeyman.server.authentication import Authentication, authentication, token_policy
from journeyman.settings import Settings

SEED = "seed-of-the-first-admin-key-0123456789"
TOKENS = {"jwt_secret_key": "s" * 43, "jwt_audience": "journeyman", "jwt_issuer": "tests"}


def made(**given: object) -> Authentication:
    clock = ManualClock()
    settings = Settings.read(env_file=None, **given)
    return authentication(settings, MemoryJournal(), Services(clock=clock, rng=random.Random(1)), clock)


async def test_authentication_can_be_off() -> None:
    off = made()
    assert off.authenticator is None
    await off.open(ManualClock())


async def test_a_server_that_nobody_could_call_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="journeyman keys create"):
        await made(auth_mode="required").open(ManualClock())


async def test_the_key_of_the_settings_is_an_admin_key() -> None:
    seeded = made(auth_mode="required", api_key=SEED)
    await seeded.open(ManualClock())
    assert seeded.authenticator is not None
    assert "admin" in (await seeded.authenticator.authenticate(SEED)).scopes
    await seeded.aclose()


async def test_tokens_are_enough() -> None:
    by_token = made(auth_mode="required", **TOKENS)
    await by_token.open(ManualClock())
    assert (by_token.tokens, by_token.issuer) == (True, None)


def test_what_a_token_must_fulfil() -> None:
    assert token_policy(Settings.read(env_file=None)) is None
    policy = token_policy(Settings.read(env_file=None, auth_mode="required", **TOKENS))
    assert policy is not None
    assert (policy.algorithm, policy.audience, policy.issuer) == ("HS256", "journeyman", "tests")
