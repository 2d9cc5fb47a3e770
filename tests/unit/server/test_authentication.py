"""Authentication as the settings ask for it."""

from __future__ import annotations

import random

import msgspec
import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services
from journeyman.errors import ConfigurationError
from journeyman.journal.journal import Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.server.authentication import Authentication, authentication, token_policy
from journeyman.settings import Settings
from tests.harness.key_service import BOUNDED

SEED = "seed-of-the-first-admin-key-0123456789"
TOKENS = {"jwt_secret_key": "s" * 43, "jwt_audience": "journeyman", "jwt_issuer": "tests"}


def made(journal: MemoryJournal | None = None, **given: object) -> Authentication:
    clock = ManualClock()
    settings = Settings.read(env_file=None, **given)
    return authentication(settings, journal or MemoryJournal(), Services(clock=clock, rng=random.Random(1)), clock)


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


async def test_keys_that_act_for_others_without_limits_are_named_at_each_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = MemoryJournal()
    keys = made(journal, auth_mode="required").keys
    bounded = await keys.create("fine", ["delegate"], limits=BOUNDED)
    old = msgspec.structs.replace((await keys.create("desk", ["run"])).row, scopes=("run", "delegate"))
    gone = msgspec.structs.replace(old, id="gone", revoked_at=1)
    await journal.commit(Batch(at=1, appends=(), api_keys=(old, gone)))
    for count in (1, 2):
        await made(journal, auth_mode="required").open(ManualClock())
        named = [record.message for record in caplog.records if "`delegate`" in record.message]
        assert len(named) == count
        assert old.id in named[-1]
        assert bounded.row.id not in named[-1]


async def test_keys_of_an_earlier_release_are_listed_until_they_are_confirmed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def listed() -> list[str]:
        return [record.message for record in caplog.records if "keys confirm" in record.message]

    journal = MemoryJournal()
    keys = made(journal, auth_mode="required").keys
    for name in ("fine", "strange"):
        await keys.create(name, ["admin"])
    await made(journal, auth_mode="required").open(ManualClock())
    assert listed() == []
    rows = [msgspec.structs.replace(row, confirmed=False) for row in await keys.list()]
    await journal.commit(Batch(at=1, appends=(), api_keys=tuple(rows)))
    await keys.rotate(rows[0].id)
    await made(journal, api_key=SEED).open(ManualClock())
    assert listed() == [], "while authentication is off nothing is listed"
    await made(journal, auth_mode="required", api_key=SEED).open(ManualClock())
    (notice,) = listed()
    valid = {row.id for row in await keys.list() if row.revoked_at is None and row.id != "seed"}
    assert {id for id in valid if f"`journeyman keys revoke {id}`" in notice} == valid
    assert rows[0].id not in notice, "it was replaced, and what replaced it is listed"
    assert {row.id for row in await keys.confirm()} == valid
    assert await keys.confirm() == []
    await made(journal, auth_mode="required", api_key=SEED).open(ManualClock())
    assert len(listed()) == 1


async def test_tokens_are_enough() -> None:
    by_token = made(auth_mode="required", **TOKENS)
    await by_token.open(ManualClock())
    assert (by_token.tokens, by_token.issuer) == (True, None)


def test_what_a_token_must_fulfil() -> None:
    assert token_policy(Settings.read(env_file=None)) is None
    policy = token_policy(Settings.read(env_file=None, auth_mode="required", **TOKENS))
    assert policy is not None
    assert (policy.algorithm, policy.audience, policy.issuer) == ("HS256", "journeyman", "tests")


async def test_a_key_whose_setting_is_gone_is_named_at_each_start(caplog: pytest.LogCaptureFixture) -> None:
    journal = MemoryJournal()
    first = made(journal, auth_mode="required", api_key=SEED)
    await first.open(ManualClock())
    await first.keys.create("ops", ["admin"])
    assert not any("API_KEY" in message for message in caplog.messages)
    for _ in range(2):
        later = made(journal, auth_mode="required")
        await later.open(ManualClock())
        assert "API_KEY is gone" in caplog.text
        caplog.clear()
    await later.keys.revoke("seed")
    await made(journal, auth_mode="required").open(ManualClock())
    assert not any("API_KEY" in message for message in caplog.messages)


async def test_a_key_whose_setting_is_gone_is_no_way_in() -> None:
    journal = MemoryJournal()
    await made(journal, auth_mode="required", api_key=SEED).open(ManualClock())
    with pytest.raises(ConfigurationError, match="make the first key"):
        await made(journal, auth_mode="required").open(ManualClock())
    await made(journal, auth_mode="required", **TOKENS).open(ManualClock())
    await made(journal, auth_mode="required", api_key=SEED).open(ManualClock())
