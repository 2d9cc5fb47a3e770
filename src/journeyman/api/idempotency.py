"""The Idempotency-Key of a request."""

from __future__ import annotations

import hashlib
import re

import msgspec

from journeyman.api.problems import RequestError
from journeyman.api.visit import Visit
from journeyman.events.messages import JSON
from journeyman.runtime.results import Key

_KEY = re.compile(rb"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")


def key_of(visit: Visit, route: str, body: JSON) -> Key | None:
    """The key with the hash of the body as data: key order and white space do not matter. Raises RequestError."""
    given = visit.headers.get(b"idempotency-key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise RequestError(
            "Idempotency-Key must be 1 to 255 printable ASCII characters.",
            code="invalid_idempotency_key",
            path="header.idempotency-key",
        )
    canonical = msgspec.json.encode(body, order="deterministic")
    return Key(route, given.decode(), hashlib.sha256(canonical).hexdigest())
