"""Bodies of API keys and retention."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict

from journeyman.api.schemas.runs import LARGEST_INTEGER, PRINCIPAL, SCOPE
from journeyman.auth.api_keys import usable
from journeyman.auth.limits import DELEGATE, MOST_RUNS, MOST_TOKENS, MOST_USD, KeyLimits
from journeyman.auth.principal import SCOPES, Caller
from journeyman.events.codec import rfc3339
from journeyman.events.quota import Quota
from journeyman.journal.journal import ApiKeyRow

PrincipalName = Annotated[str, Meta(pattern=PRINCIPAL)]
RateText = Annotated[
    str,
    Meta(
        max_length=40,
        description="A limit of requests, such as 100/60s, 10/second or 1000/day",
        extra_json_schema={  # stricter than the parser, which explains what it rejects
            "pattern": "^([1-9][0-9]{0,3}|10000)/(second|minute|hour|day|[1-9][0-9]{0,5}s|[1-9][0-9]{0,3}m)$"
        },
    ),
]
ScopeName = Annotated[str, Meta(pattern=SCOPE)]


class KeyQuota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all runs of a key may use together. Null: the key sets no limit."""

    tokens_per_day: Annotated[int, Meta(ge=0, le=MOST_TOKENS)] | None = None
    usd_per_day: Annotated[float, Meta(ge=0, le=MOST_USD)] | None = None
    concurrent_runs: Annotated[int, Meta(ge=1, le=MOST_RUNS)] | None = None


class CreateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new API key.

    Without `principal`, the key gets its own principal, `key:NAME`. Without `expires_in_seconds`, it is valid until it
    is revoked.
    """

    name: PrincipalName
    scopes: Annotated[list[ScopeName], Meta(min_length=1, max_length=20)]
    principal: PrincipalName | None = None
    expires_in_seconds: Annotated[int, Meta(ge=1, le=316_224_000)] | None = None
    rate: RateText | None = None
    quota: KeyQuota = KeyQuota()

    @property
    def limits(self) -> KeyLimits:
        """The rate and quota to give the key."""
        quota = self.quota
        return KeyLimits(self.rate, Quota(quota.tokens_per_day, quota.usd_per_day, quota.concurrent_runs))


_A_LIMIT = {"not": {"type": "null"}}
LIMITS_OF_DELEGATE: dict[str, Any] = {  # as `check_delegate` has it: with the scope, a rate and one limit of the quota
    "if": {"properties": {"scopes": {"contains": {"const": DELEGATE}}}},
    "then": {
        "required": ["rate", "quota"],
        "properties": {
            "rate": _A_LIMIT,
            "quota": {
                "anyOf": [{"required": [name], "properties": {name: _A_LIMIT}} for name in KeyQuota.__struct_fields__]
            },
        },
    },
}


class RotateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replaces a key with a new one. The old key stays valid for `grace_seconds`."""

    grace_seconds: Annotated[int, Meta(ge=0, le=2_592_000)] = 0


class KeyAnswer(Struct, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: str
    name: str
    principal: str
    scopes: tuple[str, ...]
    usable: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    rate: str | None
    quota: KeyQuota


class CallerAnswer(Struct, frozen=True, kw_only=True):
    """The caller of this request.

    `scopes` are all that it has, those included in others too. `key_id` and `expires_at` are null without a key; with
    a token only `expires_at` is given. `auth_mode` is how the server asks who calls.
    """

    principal: str
    scopes: tuple[str, ...]
    key_id: str | None
    expires_at: str | None
    auth_mode: Literal["off", "required"]
    version: str


class MadeKey(KeyAnswer, frozen=True, kw_only=True):
    """An API key with its secret, `key`, which is shown only this once.

    It is null if the request was repeated with the same Idempotency-Key.
    """

    key: str | None


def key_answer(row: ApiKeyRow, now: int) -> KeyAnswer:
    """Describe a key. `now` is in µs since the epoch."""
    return KeyAnswer(
        id=row.id,
        name=row.name,
        principal=row.principal,
        scopes=row.scopes,
        usable=usable(row, now),
        created_at=rfc3339(row.created_at),
        expires_at=_time(row.expires_at),
        revoked_at=_time(row.revoked_at),
        rate=row.rate,
        quota=KeyQuota(
            tokens_per_day=row.quota.tokens_per_day,
            usd_per_day=row.quota.usd_per_day,
            concurrent_runs=row.quota.concurrent_runs,
        ),
    )


def caller_answer(caller: Caller, authenticated: bool, version: str) -> CallerAnswer:
    """Describe a caller. `authenticated` says whether the server asks for credentials."""
    return CallerAnswer(
        principal=caller.principal,
        scopes=tuple(scope for scope in SCOPES if caller.may(scope)),
        key_id=caller.key_id,
        expires_at=_time(caller.expires_at),
        auth_mode="required" if authenticated else "off",
        version=version,
    )


def made_key(row: ApiKeyRow, secret: str | None, now: int) -> MadeKey:
    """Describe a key that was created now, with its secret."""
    return MadeKey(key=secret, **asdict(key_answer(row, now)))


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


class PruneRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to keep; at least one limit is needed.

    `days`: threads that changed within that time. `threads`: that number of threads. `megabytes`: that much data.
    """

    days: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    threads: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None = None
    megabytes: Annotated[float, Meta(ge=0, le=1e9)] | None = None


class Pruned(Struct, frozen=True):
    """How many threads were erased, and the threads and bytes that are left."""

    erased: int
    threads: int
    bytes: int
