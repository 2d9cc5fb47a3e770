"""Converts an API's answer to what the model reads: JSON or text, cut to a limit; an error status becomes an error."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from journeyman.egress.transport import Response
from journeyman.errors import ToolError, ToolExecutionError
from journeyman.events.messages import JSON

READ_CAP = 1024 * 1024  # bytes of an answer
ERROR_CAP = 2000  # characters of the body of an error
CODE = "http_error"

_TEXT = re.compile(
    r"text/.*|application/(?:(?:.*\+)?(?:json|xml)|javascript|x-www-form-urlencoded|yaml|x-yaml|x-ndjson)"
)
_decode = msgspec.json.Decoder().decode


async def read_reply(response: Response) -> JSON:
    """Return the answer as data for the model; only the beginning if it is longer than 1 MiB.

    Raises:
        ToolExecutionError: `http_error`: the status is not 2xx.
        ServiceError: the connection failed before the answer was complete.
    """
    body, whole = await _beginning(response)
    value = _value(response, body, whole)
    if 200 <= response.status < 300:
        return value
    raise _refusal(response, value)


async def _beginning(response: Response) -> tuple[bytes, bool]:
    """Read at most 1 MiB of the body. Returns it, and whether it is the whole body."""
    pieces: list[bytes] = []
    size = 0
    while piece := await response.chunk():
        pieces.append(piece[: READ_CAP - size])
        size += len(piece)
        if size > READ_CAP:
            return b"".join(pieces), False
    return b"".join(pieces), True


def _value(response: Response, body: bytes, whole: bool) -> JSON:
    """Return the body as JSON data or text; facts about it if it is empty or not text."""
    if not body:
        return {"status": response.status}
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" or (kind and not _TEXT.fullmatch(kind)):
        return {"status": response.status, "content_type": kind[:100], "bytes": len(body)}
    if whole and (kind.endswith("json") or not kind):
        try:
            return _decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            pass  # it claims to be JSON and is not, so the model reads it as text
    text = body.decode("utf-8-sig", "replace")
    return text if whole else f"{text}\n[cut: the answer is longer than {READ_CAP} bytes]"


def _refusal(response: Response, value: JSON) -> ToolError:
    """Return the error for a status that is not 2xx."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(text) > ERROR_CAP:
        text = f"{text[:ERROR_CAP]} [cut]"
    message = f"the API answered {response.status} {_phrase(response.status)}: {text}"
    if 300 <= response.status < 400:
        message = f"the API answered {response.status} {_phrase(response.status)}; redirects are not followed"
    return ToolExecutionError(message, code=CODE)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"
