"""An API client of a running server, over the standard library's HTTP client with one connection a call."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from journeyman.cli.client.api_client import MAX_RESPONSE_BYTES, Frame, error_from_response, parse_frames
from journeyman.errors import ServiceUnavailableError, ValidationError

CONNECT_SECONDS = 5.0
CALL_IDLE_SECONDS = 4000.0  # a call may wait for a run, and REQUEST_WAIT_SECONDS is at most 3600
STREAM_IDLE_SECONDS = 60.0  # the server sends a ping every 15 seconds


class LostConnectionError(ServiceUnavailableError):
    """Raised when the connection was lost before the server answered a request, which it may have accepted.

    `request_id` is the id of the request, which its run has, too.
    """

    def __init__(self, message: str, request_id: str) -> None:
        super().__init__(message)
        self.request_id = request_id


class HttpApiClient:
    """An ApiClient of the server at `url`, such as `http://127.0.0.1:8000`. Ignores proxies of the environment."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """Set up the client without connecting. Raises ValidationError if `url` is not an HTTP address."""
        self._key = key
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValidationError(f"{url!r} is not the address of a server. Write it as http://HOST:PORT.")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path

    def call(self, method: str, path: str, body: object = None) -> Any:
        """See `ApiClient.call`."""
        request_id = f"req_{uuid4().hex}"
        connection, response = self._send(method, path, body, "application/json", CALL_IDLE_SECONDS, request_id)
        try:
            data = response.read(MAX_RESPONSE_BYTES)
        except (OSError, http.client.HTTPException) as exc:
            raise self._lost(exc, request_id) from exc
        finally:
            connection.close()
        if response.status >= 400:
            raise error_from_response(response.status, data)
        return msgspec.json.decode(data) if data else None

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        """See `ApiClient.stream`."""
        request_id = f"req_{uuid4().hex}"
        connection, response = self._send(method, path, body, "text/event-stream", STREAM_IDLE_SECONDS, request_id)
        try:
            if response.status >= 400:
                raise error_from_response(response.status, response.read(MAX_RESPONSE_BYTES))
            yield from parse_frames(response)
        except (OSError, http.client.HTTPException) as exc:
            raise self._lost(exc, request_id) from exc
        finally:
            connection.close()

    def _send(
        self, method: str, path: str, body: object, accept: str, idle_seconds: float, request_id: str
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request and return the open connection with the response, whose body is not read yet."""
        connection_type = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = connection_type(self._host, self._port, timeout=CONNECT_SECONDS)
        headers = {"Accept": accept, "Content-Type": "application/json", "X-Request-ID": request_id}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else msgspec.json.encode(body)
        try:
            connection.connect()
        except OSError as exc:
            connection.close()
            raise self._unavailable(exc) from exc
        try:
            if connection.sock is not None:
                connection.sock.settimeout(idle_seconds)
            connection.request(method, self._prefix + path, data, headers)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise self._lost(exc, request_id) from exc

    def _lost(self, exc: Exception, request_id: str) -> LostConnectionError:
        reason = str(exc) or type(exc).__name__
        message = f"The connection to the server at {self.url} was lost before it answered ({reason})."
        return LostConnectionError(message, request_id)

    def _unavailable(self, exc: Exception) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"No server answers at {self.url} ({exc or type(exc).__name__}). Start one with `journeyman serve`."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
