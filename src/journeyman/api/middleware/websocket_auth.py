"""Authentication of WebSockets: by a header, by a subprotocol, or by the first message, within a few seconds."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Send

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, parse
from journeyman.api.middleware.authentication import SUBPROTOCOL, AuthenticationMiddleware, offered
from journeyman.api.problems import problem_of
from journeyman.api.responses import encode
from journeyman.api.security.request_context import RequestContext
from journeyman.api.websocket_messages import Acknowledged, Authenticate, Refused
from journeyman.auth.authenticator import unauthenticated
from journeyman.auth.principal import Caller
from journeyman.errors import BaseError

_POLICY = 1008


class WebSocketAuthentication:
    """The authentication of one connection. It keeps the credential, to check it again while the socket is open."""

    def __init__(
        self,
        authentication: AuthenticationMiddleware,
        dependencies: ApiDependencies,
        context: RequestContext,
        receive: Receive,
        send: Send,
    ) -> None:
        self._authentication = authentication
        self._dependencies = dependencies
        self._context = context
        self._receive = receive
        self._send = send
        self._credential: str | None = None
        self._needs_credential = context.caller is None

    async def accept(self) -> Caller | None:
        """Accept the socket and return its caller. Returns None if it was refused; then the socket is closed."""
        await self._receive()
        self._credential = offered(self._context)
        if self._needs_credential and self._credential is None:
            await self._accept()
            return await self._first_message()
        try:
            caller = await self._authentication.authenticate_socket(self._context, self._credential)
        except BaseError as exc:
            problem = problem_of(exc, self._dependencies.ids, self._dependencies.mask)
            await self._close(problem.code)
            return None
        await self._accept()
        return caller

    async def authenticate_again(self) -> Caller:
        """Return the caller of a command: its credential is looked up each time. Raises UnauthenticatedError."""
        if not self.can_expire:
            return self._context.known
        return await self._authentication.authenticate_socket(self._context, self._credential, again=True)

    @property
    def can_expire(self) -> bool:
        """Whether the socket came with a credential, which may expire or be revoked."""
        return self._needs_credential and self._credential is not None

    async def expired(self) -> None:
        """Wait until the credential is no longer valid."""
        while self._credential is None or await self._authentication.is_valid(self._credential):
            await self._dependencies.clock.sleep(self._dependencies.limits.credential_check_seconds)

    async def _first_message(self) -> Caller | None:
        """Authenticate by the first message. Returns None if it was refused, or the client has left."""
        command_id: str | None = None
        try:
            async with asyncio.timeout(self._dependencies.limits.socket_auth_seconds):
                message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            raw = frame_bytes(message)
            if len(raw) > self._dependencies.limits.first_message_bytes:
                raise unauthenticated()
            command = convert(parse(raw, self._dependencies.limits), Authenticate)
            command_id, self._credential = command.id, command.token
            caller = await self._authentication.authenticate_socket(self._context, command.token)
        except (BaseError, TimeoutError) as exc:
            await self._refuse(command_id, exc if isinstance(exc, BaseError) else unauthenticated())
            return None
        await self._send({"type": "websocket.send", "text": encode(Acknowledged(command_id)).decode()})
        return caller

    async def _refuse(self, command_id: str | None, exc: BaseError) -> None:
        problem = problem_of(exc, self._dependencies.ids, self._dependencies.mask)
        refused = Refused(command_id, problem.error, problem.code, problem.error_id, problem.status)
        await self._send({"type": "websocket.send", "text": encode(refused).decode()})
        await self._close("unauthenticated")

    async def _accept(self) -> None:
        protocols = self._context.headers.get(b"sec-websocket-protocol", b"").split(b",")
        chosen = SUBPROTOCOL if SUBPROTOCOL.encode() in (part.strip() for part in protocols) else None
        await self._send({"type": "websocket.accept", "subprotocol": chosen})

    async def _close(self, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": _POLICY, "reason": reason})


def frame_bytes(message: Message) -> bytes:
    """Return the bytes of a WebSocket message, of a text frame in UTF-8."""
    text = message.get("text")
    return message.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")
