"""From which names and pages requests may come, and what every answer says to a browser."""

from __future__ import annotations

import re
from collections.abc import Sequence

# The last two are what test clients send: single labels, which no public name can be.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "testserver", "test")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(rb"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_REMEMBERED = 256  # Host headers judged before

HEADERS: list[tuple[bytes, bytes]] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
STRICT_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class HostPolicy:
    """Which names the server answers to, and from which pages a browser may change something.

    A page of a foreign site that rebinds its name to this address sends that name as Host and is refused.
    """

    def __init__(self, allowed_hosts: Sequence[str], cors_origins: Sequence[str]) -> None:
        names = {name.strip().lower().encode() for name in (*LOOPBACK_NAMES, *allowed_hosts)}
        self._any = b"*" in names
        self._names = frozenset(names)
        self._suffixes = tuple(name[1:] for name in names if name.startswith(b"*."))
        self._origins = frozenset(origin.strip().rstrip("/").lower().encode() for origin in cors_origins)
        self._judged: dict[bytes, bool] = {}

    def host_allowed(self, host: bytes) -> bool:
        allowed = self._judged.get(host)
        if allowed is None:
            allowed = self._judge(host.lower())
            if len(self._judged) < _REMEMBERED:
                self._judged[host] = allowed
        return allowed

    def _judge(self, host: bytes) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].rstrip(b".")
        return self._any or name in self._names or host in self._names or name.endswith(self._suffixes)

    def origin_allowed(self, origin: bytes | None, host: bytes) -> bool:
        """No Origin: not a browser, or a page of our own. `null` is a stranger."""
        if origin is None:
            return True
        origin = origin.lower()
        if origin in self._origins or b"*" in self._origins:
            return True
        return origin in (b"http://" + host.lower(), b"https://" + host.lower())
