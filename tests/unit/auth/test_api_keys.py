from __future__ import annotations

import msgspec
import pytest

from journeyman.auth.api_keys import SEED_ID, digest
from journeyman.auth.limits import NO_LIMITS, KeyLimits
from journeyman.auth.principal import Caller
from journeyman.errors import (
    NotFoundError,
    StateError,
    ValidationError,
)
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.journal.journal import Batch
from journeyman.resilience.rate_limit import Rate
from tests.harness.key_service import KeyService


async def test_a_key_opens_with_its_scopes_and_only_its_hash_is_kept(service: KeyService) -> None:
    new = await service.keys.create("shop", ["read", "run", "read"])
    assert new.secret.startswith(f"jm_{new.row.id}_")
    assert len(new.secret) == 3 + 12 + 1 + 43
    assert await service.door.authenticate(new.secret) == Caller(
        principal="key:shop", scopes=frozenset({"run", "read"}), key_id=new.row.id, line=new.row.id
    )
    assert new.row.scopes == ("run", "read")
    assert new.row.hash == digest(new.secret)
    assert new.secret not in repr(await service.journal.api_keys())


LIMITS = KeyLimits("100/60s", Quota(tokens_per_day=1000, usd_per_day=2.5, concurrent_runs=4))


async def test_limits_of_a_key_come_with_its_caller_and_outlive_rotation_and_delegation(service: KeyService) -> None:
    old = await service.keys.create("shop", ["delegate"], limits=LIMITS)
    new = await service.keys.rotate((await service.keys.rotate(old.row.id)).row.id)
    caller = (await service.door.authenticate(new.secret or "")).on_behalf_of("ann")
    assert (caller.rate, caller.quota) == (Rate(100, 60), LIMITS.quota)
    assert (caller.key_id, caller.line) == (new.row.id, old.row.id), "what was used of them goes on too"
    bare = await service.keys.create("bare", ["read"])
    caller = await service.door.authenticate(bare.secret or "")
    assert (caller.rate, caller.quota) == (None, UNLIMITED)


@pytest.mark.parametrize(
    "limits", [NO_LIMITS, KeyLimits("10/60s"), KeyLimits(None, Quota(usd_per_day=1)), KeyLimits("10/60s", Quota())]
)
async def test_a_key_that_acts_for_others_needs_a_rate_and_a_quota(service: KeyService, limits: KeyLimits) -> None:
    with pytest.raises(ValidationError, match="needs a rate and a quota: `--rate`"):
        await service.keys.create("desk", ["run", "delegate"], limits=limits)
    assert await service.keys.list() == []
    await service.keys.create("root", ["admin"], limits=limits)


async def test_a_key_of_an_earlier_release_is_rotated_as_it_was(service: KeyService) -> None:
    old = await service.keys.create("desk", ["run"])
    row = msgspec.structs.replace(old.row, scopes=("run", "delegate"))
    await service.journal.commit(Batch(at=1, appends=(), api_keys=(row,)))
    assert (await service.keys.rotate(row.id)).row.scopes == ("run", "delegate")


async def test_rotation_keeps_name_principal_scopes_and_life(service: KeyService) -> None:
    old = await service.keys.create("shop", ["read"], principal="ann", ttl_seconds=100)
    service.clock.advance(60)
    new = await service.keys.rotate(old.row.id, 10)
    assert (new.row.name, new.row.principal, new.row.scopes) == ("shop", "ann", ("read",))
    assert new.row.expires_at == service.clock.now() + 100_000_000
    assert (await service.door.authenticate(old.secret)).principal == (
        await service.door.authenticate(new.secret)
    ).principal
    service.clock.advance(10)
    await service.refused(old.secret)
    with pytest.raises(StateError, match="Create a new one"):
        await service.keys.rotate(old.row.id)
    newest = await service.keys.rotate(new.row.id)
    await service.refused(new.secret)
    await service.door.authenticate(newest.secret)


@pytest.mark.parametrize("form", ["{}", "jm_{:.12}_{}xxx"])
async def test_the_seed_is_replaced_by_another_and_stays_revoked(service: KeyService, form: str) -> None:
    first, second = (form.format(letter * 40, letter * 40) for letter in "ab")
    await service.keys.seed(first)
    assert (await service.door.authenticate(first)).scopes == {"admin"}
    await service.keys.seed(second)
    await service.refused(first)
    await service.door.authenticate(second)
    await service.keys.revoke(SEED_ID)
    await service.keys.seed(second)
    await service.refused(second)


@pytest.mark.parametrize(
    ("name", "scopes", "more"),
    [
        ("", ["read"], {}),
        ("a/b", ["read"], {}),
        ("a b", ["read"], {}),
        ("a", [], {}),
        ("a", ["root"], {}),
        ("a", ["read"], {"principal": "x/y"}),
        ("a", ["read"], {"ttl_seconds": 0}),
        ("a", ["read"], {"ttl_seconds": 1e12}),
    ],
)
async def test_unusable_keys_are_refused(
    service: KeyService, name: str, scopes: list[str], more: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        await service.keys.create(name, scopes, **more)  # type: ignore[arg-type]
    assert await service.journal.api_keys() == []


async def test_unknown_keys_are_not_found(service: KeyService) -> None:
    for change in (service.keys.revoke, service.keys.rotate):
        with pytest.raises(NotFoundError):
            await change("nothing")
