"""Data URLs (RFC 2397): how bytes stand in a text."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes


def data_url(media_type: str, data: bytes) -> str:
    """Return the bytes as a data URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def data_of(url: str) -> bytes:
    """Return the bytes of a data URL. Its media type is not read. Raises ValueError if it is none."""
    head, comma, body = url.partition(",")
    if not comma or head[:5].lower() != "data:":
        raise ValueError("it does not begin with `data:`, or has no comma")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote_to_bytes(body) if "%" in body else body, validate=True)
    except binascii.Error as exc:
        raise ValueError("its base64 is damaged") from exc
