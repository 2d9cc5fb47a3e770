"""Callers: who is calling, with which scopes, and with which API key."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from journeyman.errors import ForbiddenError, ValidationError
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.resilience.rate_limit import Rate

SCOPES: dict[str, str] = {
    "run": "start, cancel and retry runs; make, change and erase threads and contexts",
    "fork": "fork runs, and write messages of the assistant: both put words into an agent's mouth",
    "read": "look at threads, runs, events, agents, tools and metrics",
    "tools": "call a tool directly",
    "approve": "see and answer one's own approvals",
    "approve:any": "see and answer everyone's approvals; includes `approve`",
    "delegate": "act for another by `X-On-Behalf-Of`: the principal is then `caller/other`",
    "admin": "everything: keys, retention, caches, tools that no agent lists",
}
_INCLUDED_IN = {"approve": "approve:any"}  # scope -> the wider scope that includes it; `admin` includes all
LOCAL_NAME = "local"
KEY_PREFIX = "key:"  # of principals that keys create; no token may name one
TOKEN_PREFIX = "token:"  # of credentials that are tokens
NAME = r"^[A-Za-z0-9._:@|+=~-]{1,128}(?!\n)$"
_NAME = re.compile(NAME)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The authenticated sender of a request. Limits and budgets count by `principal` and by `line`."""

    principal: str  # owns threads, runs, approvals and context
    scopes: frozenset[str]
    key_id: str | None = None  # None: a token, or no authentication
    expires_at: int | None = None  # µs since the epoch; None: never
    rate: Rate | None = None  # of requests with keys of this line; None: no other than the principal's
    quota: Quota = UNLIMITED  # of the runs of this line
    line: str | None = None  # key lineage: the id of the first key, from which this one was rotated
    subject: str | None = None  # of the token, as its own principal; None: a key, or no authentication

    @property
    def credential(self) -> str | None:
        """What authenticated the caller, also if it acts for another: `key:LINE` or `token:SUBJECT`.

        None: nothing did.
        """
        if self.line is not None:
            return f"{KEY_PREFIX}{self.line}"
        return None if self.subject is None else f"{TOKEN_PREFIX}{self.subject}"

    def may(self, scope: str) -> bool:
        """Check whether the caller has this scope, or one that includes it."""
        return scope in self.scopes or "admin" in self.scopes or _INCLUDED_IN.get(scope) in self.scopes

    def check(self, scope: str) -> None:
        """Raise ForbiddenError if the caller lacks this scope."""
        if not self.may(scope):
            raise ForbiddenError(f"This request needs the scope `{scope}`. Use a key or token that has it.")

    def on_behalf_of(self, other: str) -> Caller:
        """Return this caller as the principal `caller/other`.

        Raises ForbiddenError without the scope `delegate`, ValidationError for an invalid name.
        """
        self.check("delegate")
        if not _NAME.match(other):
            raise ValidationError("X-On-Behalf-Of is 1 to 128 of A-Z a-z 0-9 . _ : @ | + = ~ -")
        return msgspec.structs.replace(self, principal=f"{self.principal}/{other}")


LOCAL = Caller(principal=LOCAL_NAME, scopes=frozenset(SCOPES))  # every caller while AUTH_MODE is off


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes in the order of SCOPES, each once. Raises ValidationError for an unknown scope, or for none."""
    given = set(scopes)
    if unknown := sorted(given - SCOPES.keys()):
        raise ValidationError(f"There is no scope {unknown[0]!r}. The scopes are {', '.join(SCOPES)}.")
    if not given:
        raise ValidationError(f"Name at least one of the scopes {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in given)


def checked_name(name: str) -> str:
    """Check the name of a key or principal and return it. Raises ValidationError."""
    if not _NAME.match(name):
        raise ValidationError("A name is 1 to 128 of A-Z a-z 0-9 . _ : @ | + = ~ -")
    return name
