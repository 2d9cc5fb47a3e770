"""Allowed hosts and origins, and the security headers of every answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
TEST_NAMES = ("testserver", "test")  # that test clients send
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(rb"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_MOST_CACHED = 256  # Host headers

HEADERS: list[tuple[bytes, bytes]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
STRICT_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class HostPolicy:
    """The host names that the server answers to, and the origins from which a browser may make changes.

    The host check stops DNS rebinding: a foreign page that points its own name at this address sends that name as Host.
    """

    def __init__(self, allowed_hosts: Sequence[str], cors_origins: Sequence[str], *, test_names: bool = False) -> None:
        """With `test_names` the names that test clients send are allowed, too."""
        own = (*LOOPBACK_NAMES, *(TEST_NAMES if test_names else ()))
        names = {name.strip().lower().encode() for name in (*own, *allowed_hosts)}
        self._any = b"*" in names
        self._names = frozenset(names)
        self._suffixes = tuple(name[1:] for name in names if name.startswith(b"*."))
        self._origins = frozenset(origin.strip().rstrip("/").lower().encode() for origin in cors_origins)
        self._known: dict[bytes, bool] = {}

    def host_allowed(self, host: bytes) -> bool:
        """Check a Host header."""
        allowed = self._known.get(host)
        if allowed is None:
            allowed = self._is_allowed(host.lower())
            if len(self._known) < _MOST_CACHED:
                self._known[host] = allowed
        return allowed

    def _is_allowed(self, host: bytes) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].rstrip(b".")
        return self._any or name in self._names or host in self._names or name.endswith(self._suffixes)

    def origin_allowed(self, origin: bytes | None, host: bytes) -> bool:
        """Check an Origin header. None is allowed: it comes from no browser, or from a page of this server.

        `null`, which sandboxed pages send, is rejected.
        """
        if origin is None:
            return True
        origin = origin.lower()
        if origin in self._origins or b"*" in self._origins:
            return True
        return origin in (b"http://" + host.lower(), b"https://" + host.lower())


def without_wildcard(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of hosts or origins without `*`, which allows any."""
    return tuple(name for name in names if name.strip() != "*")
