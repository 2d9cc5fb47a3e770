from __future__ import annotations

import pytest

from journeyman.auth.api_keys import SEED_ID, ApiKeys, digest
from journeyman.auth.authenticator import Authenticator
from journeyman.auth.limits import KeyLimits
from journeyman.auth.principal import SCOPES, Caller
from journeyman.auth.remembered import MOST, VerificationCache
from journeyman.clock import ManualClock
from journeyman.errors import (
    ForbiddenError,
    NotFoundError,
    StateError,
    UnauthenticatedError,
    ValidationError,
)
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.ids import RandomSecretSource
from journeyman.journal.memory import MemoryJournal
from journeyman.resilience.rate_limit import Rate


class KeyService:
    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = ManualClock()
        self.remembered = VerificationCache()
        self.keys = ApiKeys(self.journal, self.clock, RandomSecretSource())
        self.keys.changed = self.remembered.forget
        self.door = Authenticator(self.keys, None, self.remembered, self.clock)

    async def refused(self, credential: str) -> str:
        with pytest.raises(UnauthenticatedError) as raised:
            await self.door.caller(credential)
        return raised.value.message


@pytest.fixture
def service() -> KeyService:
    return KeyService()


async def test_a_key_opens_with_its_scopes_and_only_its_hash_is_kept(service: KeyService) -> None:
    new = await service.keys.create("shop", ["read", "run", "read"])
    assert new.secret.startswith(f"jm_{new.row.id}_")
    assert len(new.secret) == 3 + 12 + 1 + 43
    assert await service.door.caller(new.secret) == Caller(
        principal="key:shop", scopes=frozenset({"run", "read"}), key_id=new.row.id, line=new.row.id
    )
    assert new.row.scopes == ("run", "read")
    assert new.row.hash == digest(new.secret)
    assert new.secret not in repr(await service.journal.api_keys())


LIMITS = KeyLimits("100/60s", Quota(tokens_per_day=1000, usd_per_day=2.5, concurrent_runs=4))


async def test_limits_of_a_key_come_with_its_caller_and_outlive_rotation_and_delegation(service: KeyService) -> None:
    old = await service.keys.create("shop", ["delegate"], limits=LIMITS)
    new = await service.keys.rotate((await service.keys.rotate(old.row.id)).row.id)
    caller = (await service.door.caller(new.secret or "")).on_behalf_of("ann")
    assert (caller.rate, caller.quota) == (Rate(100, 60), LIMITS.quota)
    assert (caller.key_id, caller.line) == (new.row.id, old.row.id), "what was used of them goes on too"
    bare = await service.keys.create("bare", ["read"])
    caller = await service.door.caller(bare.secret or "")
    assert (caller.rate, caller.quota) == (None, UNLIMITED)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (KeyLimits("often"), "written like 10/second"),
        (KeyLimits("0/60s"), "written like 10/second"),
        (KeyLimits("100/0s"), "written like 10/second"),
        (KeyLimits(quota=Quota(concurrent_runs=0)), "at least 1 run"),
        (KeyLimits(quota=Quota(concurrent_runs=10_001)), "at most 10000"),
        (KeyLimits(quota=Quota(tokens_per_day=-1)), "tokens of a day are 0 to"),
        (KeyLimits(quota=Quota(tokens_per_day=10**16)), "tokens of a day are 0 to"),
        (KeyLimits(quota=Quota(usd_per_day=-0.01)), "dollars of a day are 0 to"),
        (KeyLimits(quota=Quota(usd_per_day=float("nan"))), "dollars of a day are 0 to"),
        (KeyLimits(quota=Quota(usd_per_day=float("inf"))), "dollars of a day are 0 to"),
    ],
)
async def test_limits_that_cannot_be_held_are_refused_with_a_sentence(
    service: KeyService, limits: KeyLimits, told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        await service.keys.create("shop", ["read"], limits=limits)
    assert await service.journal.api_keys() == []


async def test_every_refusal_is_the_same(service: KeyService) -> None:
    new = await service.keys.create("shop", ["read"])
    other = await service.keys.create("other", ["read"])
    mixed = f"jm_{new.row.id}_{other.secret[16:]}"
    wrong = ["", "jm_", "x" * 40, new.secret[:-1], new.secret + "x", mixed, new.secret.upper(), "ä" * 40, "x" * 9000]
    assert len({await service.refused(each) for each in wrong}) == 1


async def test_revoked_at_once_though_it_was_remembered(service: KeyService) -> None:
    new = await service.keys.create("shop", ["read"])
    await service.door.caller(new.secret)
    await service.keys.revoke(new.row.id)
    await service.refused(new.secret)
    assert not await service.door.still(new.secret)
    assert (await service.keys.revoke(new.row.id)).revoked_at is not None


async def test_a_look_up_that_overlaps_a_revocation_is_not_remembered(service: KeyService) -> None:
    caller = Caller(principal="key:x", scopes=frozenset())
    before = service.remembered.generation
    service.remembered.forget()
    service.remembered.put(b"d", caller, before, 0)
    assert service.remembered.get(b"d", 0) is None


def test_what_is_remembered_is_bounded() -> None:
    remembered = VerificationCache()
    for number in range(MOST + 10):
        remembered.put(b"%d" % number, Caller(principal="p", scopes=frozenset()), 0, 0)
    assert sum(remembered.get(b"%d" % number, 0) is not None for number in range(MOST + 10)) == MOST


async def test_expiry_holds_for_remembered_keys_too(service: KeyService) -> None:
    new = await service.keys.create("shop", ["read"], ttl_seconds=30)
    await service.door.caller(new.secret)
    service.clock.advance(29)
    await service.door.caller(new.secret)
    service.clock.advance(1)
    await service.refused(new.secret)


async def test_rotation_keeps_name_principal_scopes_and_life(service: KeyService) -> None:
    old = await service.keys.create("shop", ["read"], principal="ann", ttl_seconds=100)
    service.clock.advance(60)
    new = await service.keys.rotate(old.row.id, 10)
    assert (new.row.name, new.row.principal, new.row.scopes) == ("shop", "ann", ("read",))
    assert new.row.expires_at == service.clock.now() + 100_000_000
    assert (await service.door.caller(old.secret)).principal == (await service.door.caller(new.secret)).principal
    service.clock.advance(10)
    await service.refused(old.secret)
    with pytest.raises(StateError, match="create a new one"):
        await service.keys.rotate(old.row.id)
    newest = await service.keys.rotate(new.row.id)
    await service.refused(new.secret)
    await service.door.caller(newest.secret)


@pytest.mark.parametrize("form", ["{}", "jm_{:.12}_{}xxx"])
async def test_the_seed_is_replaced_by_another_and_stays_revoked(service: KeyService, form: str) -> None:
    first, second = (form.format(letter * 40, letter * 40) for letter in "ab")
    await service.keys.seed(first)
    assert (await service.door.caller(first)).scopes == {"admin"}
    await service.keys.seed(second)
    await service.refused(first)
    await service.door.caller(second)
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


def test_admin_includes_every_scope_and_others_include_none() -> None:
    admin = Caller(principal="a", scopes=frozenset({"admin"}))
    for scope in SCOPES:
        admin.check(scope)
        alone = Caller(principal="a", scopes=frozenset({scope}))
        if scope != "admin":
            assert [other for other in SCOPES if alone.may(other)] == [scope]
    with pytest.raises(ForbiddenError, match="`run`"):
        Caller(principal="a", scopes=frozenset({"approve:any"})).check("run")


def test_delegation_needs_its_scope_and_makes_a_principal_that_no_key_has() -> None:
    service = Caller(principal="key:shop", scopes=frozenset({"run", "delegate"}), key_id="k")
    other = service.on_behalf_of("ann")
    assert (other.principal, other.scopes, other.key_id) == ("key:shop/ann", service.scopes, "k")
    for name in ("", "a/b", "a b", "x" * 129, "a\n"):
        with pytest.raises(ValidationError):
            service.on_behalf_of(name)
    with pytest.raises(ForbiddenError, match="`delegate`"):
        Caller(principal="key:shop", scopes=frozenset({"run"})).on_behalf_of("ann")
