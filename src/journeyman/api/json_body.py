"""Request bodies: read within bounds, and parsed by the one strict JSON reader before any model sees them."""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

import msgspec
from fastapi import Request
from starlette.types import Message, Receive

from journeyman.api.dependencies import RequestLimits
from journeyman.api.problems import RequestError
from journeyman.api.schemas.runs import FORMS, LARGEST_INTEGER
from journeyman.api.security.request_context import context_of
from journeyman.events.messages import JSON

T = TypeVar("T")
_DECODER = msgspec.json.Decoder()
# Possessive, and the end is optional: it never goes back, so that no bytes make it slower than linear.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")  # of a path such as $.edits.messages[3].replace
_WHOLE_FLOATS = 8  # in one body: each costs a look at all of it
_JSON_TYPES = (b"application/json", b"application/merge-patch+json")


class ClientDisconnected(Exception):
    """The client closed the connection."""


async def read_json(headers: dict[bytes, bytes], receive: Receive, limits: RequestLimits) -> JSON:
    """The request's body as plain JSON data. Raises RequestError (408, 413, 415, 422) and ClientGone."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type not in _JSON_TYPES:
        raise RequestError("Send a JSON body with `Content-Type: application/json`.", status=415, code="not_json")
    return parse(await read_body(headers, receive, limits), limits)


async def read_body(headers: dict[bytes, bytes], receive: Receive, limits: RequestLimits) -> bytes:
    """The body's bytes: counted on the wire, whatever Content-Length says."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 15 or int(declared) > limits.body_bytes):
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.body_idle_seconds) as patience:
            message = await _chunk(receive, limits, 0)
            if not message.get("more_body", False):
                return message.get("body", b"")  # type: ignore[no-any-return]
            return await _rest(message.get("body", b""), receive, limits, patience)
    except TimeoutError as exc:
        raise RequestError("The body came too slowly.", status=408, code="body_timeout") from exc


async def _rest(first: bytes, receive: Receive, limits: RequestLimits, patience: asyncio.Timeout) -> bytes:
    loop = asyncio.get_running_loop()
    latest = loop.time() + limits.body_total_seconds
    body = bytearray(first)
    while True:
        patience.reschedule(min(latest, loop.time() + limits.body_idle_seconds))
        message = await _chunk(receive, limits, len(body))
        body += message.get("body", b"")
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
    """Strict JSON: valid UTF-8, bounded depth, count and lengths, exact integers, no NUL, no key twice.

    Raises RequestError (422, `invalid_json`).
    """
    if raw.count(b'"') - raw.count(b'\\"') > 4 * limits.json_nodes:
        raise _invalid(f"more than {limits.json_nodes} values")
    skeleton = _STRING.sub(b"", raw)  # structure without strings: what is counted in it is not text
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
    """Check every value; the number of keys that were kept."""
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


def convert(value: JSON, model: type[T], whole_floats: int = _WHOLE_FLOATS) -> T:
    """The body as its model. Raises RequestError (422) with the path of the first field that does not fit."""
    try:
        return msgspec.convert(value, model)
    except msgspec.ValidationError as exc:
        reason, _, path = str(exc).partition(" - at `")
        if whole_floats and _made_whole(value, reason, path):
            return convert(value, model, whole_floats - 1)
        reason = next((form for pattern, form in FORMS.items() if repr(pattern) in reason), reason)
        field = path.rstrip("`").removeprefix("$").removeprefix(".")
        where = f"body.{field}" if field else "body"
        raise RequestError(f"{where}: {reason}", path=where) from exc


def _made_whole(value: JSON, reason: str, path: str) -> bool:
    """Where an integer is wanted 5.0 is one (JSON Schema): it is written as 5 into the value."""
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
    """The request's JSON. Raises RequestError."""
    return await read_json(context_of(request.scope).headers, request.receive, limits)


async def merge_patch_of(request: Request, limits: RequestLimits) -> dict[str, JSON]:
    """A JSON Merge Patch (RFC 7396) of an object."""
    patch = await read_route_body(request, limits)
    if not isinstance(patch, dict):
        raise RequestError("body: a context is an object, and so is its patch.", path="body")
    return patch
