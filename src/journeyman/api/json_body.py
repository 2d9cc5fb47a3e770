"""Request bodies: read within limits, parsed as strict JSON, and converted to their model."""

from __future__ import annotations

import asyncio
import re
from codecs import BOM_UTF8
from typing import TypeVar

import msgspec
from fastapi import Request
from starlette.types import Message, Receive

from journeyman.api.dependencies import RequestLimits
from journeyman.api.field_errors import reason_and_path, wrong_fields
from journeyman.api.problems import RequestError
from journeyman.api.schemas.runs import LARGEST_INTEGER
from journeyman.api.security.request_context import RequestContext, context_of
from journeyman.auth.authenticator import unauthenticated
from journeyman.events.messages import JSON

T = TypeVar("T")
_DECODER = msgspec.json.Decoder()
# Possessive, and with an optional end: it never backtracks, so its time is linear in any input.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")  # of a path such as $.edits.messages[3].replace
_MOST_WHOLE_FLOATS = 8  # in one body: each costs another conversion of all of it
_JSON_TYPES = (b"application/json", b"application/merge-patch+json")


class ClientDisconnected(Exception):
    """The client closed the connection, or no longer reads what it is sent."""


async def read_json(context: RequestContext, receive: Receive, limits: RequestLimits) -> JSON:
    """Read a request's body as plain JSON data.

    Raises RequestError (408, 413, 415, 422), ClientDisconnected and UnauthenticatedError: see `read_body`.
    """
    media_type = context.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type not in _JSON_TYPES:
        raise RequestError("Send a JSON body with `Content-Type: application/json`.", status=415, code="not_json")
    refuse_encoded(context.headers)
    return parse(await read_body(context, receive, limits), limits)


def refuse_encoded(headers: dict[bytes, bytes]) -> None:
    """Raise RequestError (415) if the body is compressed: its size could not be limited before it is unpacked."""
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding not in (b"", b"identity"):
        text = f"The body is encoded with {encoding.decode('latin-1')!r}: send it as it is, without Content-Encoding."
        raise RequestError(text, status=415, code="encoded_body")


async def read_body(context: RequestContext, receive: Receive, limits: RequestLimits) -> bytes:
    """Read the bytes of a body. They are counted as they arrive, whatever Content-Length says.

    A large body is counted for its principal until the request is answered, or `release_body` is called.

    Raises RequestError (408, 413), ResourceError (`too_many_bytes`), ClientDisconnected, and UnauthenticatedError if
    the credential became invalid while the body arrived.
    """
    declared = context.headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 15 or int(declared) > limits.body_bytes):
        raise _too_large(limits)
    if declared.isdigit():
        context.hold_body(int(declared))
    try:
        async with asyncio.timeout(limits.body_idle_seconds) as timeout:
            message = await _chunk(receive, limits, 0)
            context.hold_body(len(message.get("body", b"")))
            if not message.get("more_body", False):
                return message.get("body", b"")  # type: ignore[no-any-return]
            body = await _rest(context, message.get("body", b""), receive, limits, timeout)
    except TimeoutError as exc:
        raise RequestError("The body arrived too slowly.", status=408, code="body_timeout") from exc
    await check_again(context)
    return body


async def check_again(context: RequestContext) -> None:
    """Raise UnauthenticatedError if the credential of a request became invalid while its body arrived."""
    if context.is_valid is not None and not await context.is_valid():
        raise unauthenticated()


async def _rest(
    context: RequestContext, first: bytes, receive: Receive, limits: RequestLimits, timeout: asyncio.Timeout
) -> bytes:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.body_total_seconds
    body = bytearray(first)
    while True:
        timeout.reschedule(min(deadline, loop.time() + limits.body_idle_seconds))
        message = await _chunk(receive, limits, len(body))
        body += message.get("body", b"")
        context.hold_body(len(body))
        if not message.get("more_body", False):
            return bytes(body)


async def _chunk(receive: Receive, limits: RequestLimits, so_far: int) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    if so_far + len(message.get("body", b"")) > limits.body_bytes:
        raise _too_large(limits)
    return message


def _too_large(limits: RequestLimits) -> RequestError:
    return RequestError(f"The body is over {limits.body_bytes} bytes.", status=413, code="body_too_large")


def parse(raw: bytes, limits: RequestLimits) -> JSON:
    """Parse strict JSON: valid UTF-8, limited depth, count and lengths, exact integers, no NUL, no repeated key.

    Raises RequestError (422, `invalid_json`).
    """
    raw = raw.removeprefix(BOM_UTF8)  # RFC 8259, 8.1: a reader may ignore it
    if raw.count(b'"') - raw.count(b'\\"') > 4 * limits.json_nodes:
        raise _invalid(f"more than {limits.json_nodes} values")
    skeleton = _STRING.sub(b"", raw)  # the structure without its strings, so that no text is counted
    nodes = skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") + 1
    if nodes > limits.json_nodes:
        raise _invalid(f"more than {limits.json_nodes} values")
    if nodes > limits.json_depth and _depth(skeleton) > limits.json_depth:
        raise _invalid(f"nested deeper than {limits.json_depth}")
    try:
        value = _DECODER.decode(raw)
    except UnicodeDecodeError as exc:
        raise _invalid("not valid UTF-8") from exc
    except msgspec.MsgspecError as exc:
        raise _invalid(str(exc)) from exc
    except RecursionError as exc:
        raise _invalid(f"nested deeper than {limits.json_depth}") from exc
    if _inspect(value, limits) != skeleton.count(b":"):
        raise _invalid("an object has the same key twice")
    return value


def _invalid(reason: str) -> RequestError:
    return RequestError(f"The body is not usable JSON: {reason}.", code="invalid_json")


def _depth(skeleton: bytes) -> int:
    depth = deepest = 0
    for byte in skeleton.translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _inspect(value: JSON, limits: RequestLimits) -> int:
    """Check every value. Returns the number of keys, which is less than that of the text if one was repeated."""
    keys = 0
    todo = [value]
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is str:
            _check_text(item, limits)
        elif kind is dict:
            keys += len(item)
            for key in item:
                _check_text(key, limits)
            todo += item.values()
        elif kind is list:
            todo += item
        elif kind is int and not -LARGEST_INTEGER <= item <= LARGEST_INTEGER:
            raise _invalid("an integer is beyond 2^53: send it as a string")
    return keys


def _check_text(text: str, limits: RequestLimits) -> None:
    if "\x00" in text:
        raise _invalid("a string contains NUL")
    if len(text) > limits.string_chars:
        raise _invalid(f"a string is longer than {limits.string_chars} characters")


def convert(value: JSON, model: type[T]) -> T:
    """Return the body as its model. Raises RequestError (422) that names the wrong fields, up to ten of them."""
    try:
        return _convert(value, model)
    except msgspec.ValidationError as exc:
        fields = wrong_fields(value, model, exc)
        raise RequestError(" ".join(field.message for field in fields), fields=fields) from exc


def _convert(value: JSON, model: type[T], whole_floats: int = _MOST_WHOLE_FLOATS) -> T:
    try:
        return msgspec.convert(value, model)
    except msgspec.ValidationError as exc:
        if whole_floats and _made_whole(value, *reason_and_path(exc)):
            return _convert(value, model, whole_floats - 1)
        raise


def _made_whole(value: JSON, reason: str, path: str) -> bool:
    """Write 5.0 as 5 into the value if an integer is expected there: it is an integer in JSON Schema.

    Returns whether it did that.
    """
    if not (reason.startswith("Expected `int") and reason.endswith("got `float`")):
        return False
    *steps, last = [name or int(place) for name, place in _STEP.findall(path)]
    for step in steps:
        value = value[step]
    number = value[last]
    if not (number.is_integer() and abs(number) <= LARGEST_INTEGER):
        return False
    value[last] = int(number)
    return True


async def read_route_body(request: Request, limits: RequestLimits) -> JSON:
    """Read the JSON body of a FastAPI request. Raises RequestError, ClientDisconnected and UnauthenticatedError."""
    return await read_json(context_of(request.scope), request.receive, limits)


async def merge_patch_of(request: Request, limits: RequestLimits) -> dict[str, JSON]:
    """Read a JSON Merge Patch (RFC 7396) of an object. Raises RequestError and ClientDisconnected."""
    patch = await read_route_body(request, limits)
    if not isinstance(patch, dict):
        raise RequestError("`body` must be an object: the JSON Merge Patch of a context.", path="body")
    return patch
