"""From an API's answer to what the model reads: JSON or text, capped; a refusal with its status."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from journeyman.egress.transport import Response
from journeyman.errors import ToolError, ToolExecutionError
from journeyman.events.messages import JSON

READ_CAP = 1024 * 1024  # bytes of an answer
ERROR_CAP = 2000  # characters of a refusal's body
CODE = "http_error"

_TEXT = re.compile(
    r"text/.*|application/(?:(?:.*\+)?(?:json|xml)|javascript|x-www-form-urlencoded|yaml|x-yaml|x-ndjson)"
)
_decode = msgspec.json.Decoder().decode


async def read_reply(response: Response) -> JSON:
    """The answer as data for the model; of a longer one than 1 MiB its beginning.

    Raises:
        ToolExecutionError: `http_error`: any status but 2xx. ServiceError: the answer did not arrive whole.
    """
    body, whole = await _beginning(response)
    value = _value(response, body, whole)
    if 200 <= response.status < 300:
        return value
    raise _refusal(response, value)


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


def _refusal(response: Response, value: JSON) -> ToolError:
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
