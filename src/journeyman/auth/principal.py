"""Who is calling: a principal, what it may do, and by which key it came."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from journeyman.errors import ForbiddenError, ValidationError
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.resilience.rate_limit import Rate

SCOPES: dict[str, str] = {
    "run": "start, cancel and fork runs; make, change and erase threads and contexts",
    "read": "look at threads, runs, events, agents, tools and metrics",
    "tools": "call a tool directly",
    "approve": "see and answer one's own approvals",
    "approve:any": "see and answer everyone's approvals",
    "delegate": "act for another by `X-On-Behalf-Of`: the principal is then `caller/other`",
    "admin": "everything: keys, retention, caches, tools that no agent lists",
}
LOCAL_NAME = "local"
KEY_PREFIX = "key:"  # of principals that are keys: no token may name one
NAME = r"^[A-Za-z0-9._:@|+=~-]{1,128}(?!\n)$"
_NAME = re.compile(NAME)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever sent a request, verified. Limits and budgets go by `principal` and by `line`."""

    principal: str  # owns threads, runs, approvals and context
    scopes: frozenset[str]
    key_id: str | None = None  # of an API key; None: a token, or nobody was asked
    expires_at: int | None = None  # µs since the epoch; None: never
    rate: Rate | None = None  # of the requests of the key's line; None: only the principal's
    quota: Quota = UNLIMITED  # of the runs of its line
    line: str | None = None  # the first of the keys that were rotated into this one; itself, where none was

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def check(self, scope: str) -> None:
        """Raises ForbiddenError that names the scope."""
        if not self.may(scope):
            raise ForbiddenError(f"This needs the scope `{scope}`: ask for a key or token that has it.")

    def on_behalf_of(self, other: str) -> Caller:
        """The caller as another principal. Raises ForbiddenError without `delegate`, ValidationError for the name."""
        self.check("delegate")
        if not _NAME.match(other):
            raise ValidationError("X-On-Behalf-Of is 1 to 128 of A-Z a-z 0-9 . _ : @ | + = ~ -")
        return msgspec.structs.replace(self, principal=f"{self.principal}/{other}")


LOCAL = Caller(principal=LOCAL_NAME, scopes=frozenset(SCOPES))  # everybody, where AUTH_MODE is off


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """In the order of the table, each once. Raises ValidationError for one that there is not, or for none."""
    given = set(scopes)
    if unknown := sorted(given - SCOPES.keys()):
        raise ValidationError(f"There is no scope {unknown[0]!r}: choose among {', '.join(SCOPES)}.")
    if not given:
        raise ValidationError(f"Name at least one scope: {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in given)


def checked_name(name: str) -> str:
    """The name of a key or principal. Raises ValidationError."""
    if not _NAME.match(name):
        raise ValidationError("A name is 1 to 128 of A-Z a-z 0-9 . _ : @ | + = ~ -")
    return name
