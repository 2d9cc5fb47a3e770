"""What the routes of API keys read and write."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class CreateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of `principal` (unless named, the key's own); without `expires_in_seconds` it lives until revoked."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=20)]
    principal: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    expires_in_seconds: Annotated[int, Meta(ge=1, le=316_224_000)] | None = None


class RotateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The old key goes on for `grace_seconds`."""

    grace_seconds: Annotated[int, Meta(ge=0, le=2_592_000)] = 0


class KeyAnswer(Struct, frozen=True, kw_only=True):
    """An API key, without the key."""

    id: str
    name: str
    principal: str
    scopes: tuple[str, ...]
    usable: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class MadeKey(KeyAnswer, frozen=True, kw_only=True):
    """A key that was made now: `key` is shown this once, and null where an Idempotency-Key repeats the request."""

    key: str | None
