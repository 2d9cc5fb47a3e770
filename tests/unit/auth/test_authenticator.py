from __future__ import annotations

from journeyman.auth.principal import Caller
from tests.harness.key_service import KeyService


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


async def test_expiry_holds_for_remembered_keys_too(service: KeyService) -> None:
    new = await service.keys.create("shop", ["read"], ttl_seconds=30)
    await service.door.caller(new.secret)
    service.clock.advance(29)
    await service.door.caller(new.secret)
    service.clock.advance(1)
    await service.refused(new.secret)
