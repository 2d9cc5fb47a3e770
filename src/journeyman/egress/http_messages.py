"""A tool's HTTP request and its reply, as data that passes between processes.

Worker processes load this module: keep its imports few.
"""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.errors import ServiceError

REPLY_BYTES = 1 << 20  # the default limit of a reply's body
MOST_BYTES = 8 << 20  # the limit of a body, sent or received
_QUOTED_CHARACTERS = 200


class HttpRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """An HTTP request of a tool, with header names in lower case.

    `public_only` refuses private addresses even for a configured service.
    """

    method: str
    url: str
    headers: dict[str, str] = {}
    body: bytes = b""
    max_bytes: int = REPLY_BYTES
    public_only: bool = False


class HttpReply(msgspec.Struct, frozen=True):
    """A service's reply, with header names in lower case; `url` is the final one after redirects."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Whether the status is a success (2xx)."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; invalid UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body decoded from JSON.

        Raises:
            ServiceError: `service_bad_reply`: the body is not JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.MsgspecError as exc:
            raise ServiceError(f"{self.url} did not answer in JSON: {exc}", code="service_bad_reply") from exc

    def raise_for_status(self) -> HttpReply:
        """Return this reply if its status is a success (2xx).

        Raises:
            ServiceError: `service_refused`, with the status.
        """
        if self.ok:
            return self
        said = " ".join(self.text[:_QUOTED_CHARACTERS].split())
        raise ServiceError(f"{self.url} answered {self.status}: {said}", code="service_refused", status=self.status)
