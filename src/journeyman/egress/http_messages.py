"""A request of a tool and its reply, as data: they pass between processes. Loaded by workers: keep its imports few."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.errors import ServiceError

REPLY_BYTES = 1 << 20  # of a reply's body, unless more is asked for
MOST_BYTES = 8 << 20  # of a body, either way
_SHOWN = 200


class HttpRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """`headers` in lower case. `public_only`: not even a configured service may have a private address."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: bytes = b""
    max_bytes: int = REPLY_BYTES
    public_only: bool = False


class HttpReply(msgspec.Struct, frozen=True):
    """What the service answered; `url` is where, after redirects. Header names are in lower case."""

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
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ServiceError (`service_bad_reply`)."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.MsgspecError as exc:
            raise ServiceError(f"{self.url} did not answer in JSON: {exc}", code="service_bad_reply") from exc

    def raise_for_status(self) -> HttpReply:
        """Itself if it is a success. Raises ServiceError (`service_refused`) with the status otherwise."""
        if self.ok:
            return self
        said = " ".join(self.text[:_SHOWN].split())
        raise ServiceError(f"{self.url} answered {self.status}: {said}", code="service_refused", status=self.status)
