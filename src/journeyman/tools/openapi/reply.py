"""From an API's answer to what the model reads: JSON or text, capped; a refusal with its status."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from journeyman.egress.transport import Response
from journeyman.errors import ToolError, ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.spec import ToolSpec
from journeyman.tools.tool import ToolRetry

READ_CAP = 1024 * 1024  # bytes of an answer
ERROR_CAP = 2000  # characters of a refusal's body
CODE = "http_error"

_TEXT = re.compile(
    r"text/.*|application/(?:(?:.*\+)?(?:json|xml)|javascript|x-www-form-urlencoded|yaml|x-yaml|x-ndjson)"
)
_RETRIED = (408, 429, 502, 503, 504)
_decode = msgspec.json.Decoder().decode


class HttpRetry(ToolRetry):
    """The API refuses for now; if the effects allow it, the call is made again."""

    default_code = CODE


async def read_reply(response: Response, spec: ToolSpec) -> JSON:
    """The answer as data for the model; of a longer one than 1 MiB its beginning.

    Raises:
        ToolExecutionError: `http_error`: any status but 2xx. ServiceError: the answer did not arrive whole.
    """
    body, whole = await _beginning(response)
    value = _value(response, body, whole)
    if 200 <= response.status < 300:
        return value
    raise _refusal(response, value, spec)


async def _beginning(response: Response) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    size = 0
    while piece := await response.chunk():
        pieces.append(piece[: READ_CAP - size])
        size += len(piece)
        if size > READ_CAP:
            return b"".join(pieces), False
    return b"".join(pieces), True


def _value(response: Response, body: bytes, whole: bool) -> JSON:
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
            pass  # it says JSON and is not: the model reads what there is
    text = body.decode("utf-8-sig", "replace")
    return text if whole else f"{text}\n[cut: the answer is longer than {READ_CAP} bytes]"


def _refusal(response: Response, value: JSON, spec: ToolSpec) -> ToolError:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(text) > ERROR_CAP:
        text = f"{text[:ERROR_CAP]} [cut]"
    message = f"the API answered {response.status} {_phrase(response.status)}: {text}"
    if 300 <= response.status < 400:
        message = f"the API answered {response.status} {_phrase(response.status)}; redirects are not followed"
    if response.status in _RETRIED and spec.effects != "once":
        return HttpRetry(message, after=_retry_after(response))
    return ToolExecutionError(message, code=CODE)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"


def _retry_after(response: Response) -> float | None:
    """Seconds; None for a date or nothing."""
    value = response.headers.get("retry-after", "").strip()
    return float(value) if value.isdecimal() and len(value) < 7 else None
