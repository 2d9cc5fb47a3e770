"""How a WebSocket is let in: by a header, by a subprotocol, or by its first message, within seconds."""

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
    """Of one connection. The credential is kept, to be looked at again while the socket is open."""

    def __init__(
        self,
        gate: AuthenticationMiddleware,
        ports: ApiDependencies,
        visit: RequestContext,
        receive: Receive,
        send: Send,
    ) -> None:
        self._gate = gate
        self._ports = ports
        self._visit = visit
        self._receive = receive
        self._send = send
        self._credential: str | None = None

    async def caller(self) -> Caller | None:
        """Accepts the socket and says who it is; None: it was refused, and is closed."""
        await self._receive()
        self._credential = offered(self._visit)
        if self._visit.caller is None and self._credential is None:
            await self._accept()
            return await self._introduced()
        try:
            caller = await self._gate.introduced(self._visit, self._credential)
        except BaseError as exc:
            problem = problem_of(exc, self._ports.ids, self._ports.mask)
            await self._close(problem.code)
            return None
        await self._accept()
        return caller

    @property
    def may_end(self) -> bool:
        """Came the socket with a credential that may expire or be revoked?"""
        return self._credential is not None and self._visit.caller is None

    async def expired(self) -> None:
        """Returns when the credential holds no longer."""
        while self._credential is None or await self._gate.still(self._credential):
            await self._ports.clock.sleep(self._ports.limits.credential_check_seconds)

    async def _introduced(self) -> Caller | None:
        """The first message says who it is."""
        name: str | None = None
        try:
            async with asyncio.timeout(self._ports.limits.socket_auth_seconds):
                message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            command = convert(parse(frame_bytes(message), self._ports.limits), Authenticate)
            name, self._credential = command.id, command.token
            caller = await self._gate.introduced(self._visit, command.token)
        except (BaseError, TimeoutError) as exc:
            await self._refuse(name, exc if isinstance(exc, BaseError) else unauthenticated())
            return None
        await self._send({"type": "websocket.send", "text": encode(Acknowledged(name)).decode()})
        return caller

    async def _refuse(self, name: str | None, exc: BaseError) -> None:
        problem = problem_of(exc, self._ports.ids, self._ports.mask)
        refused = Refused(name, problem.error, problem.code, problem.error_id, problem.status)
        await self._send({"type": "websocket.send", "text": encode(refused).decode()})
        await self._close("unauthenticated")

    async def _accept(self) -> None:
        protocols = self._visit.headers.get(b"sec-websocket-protocol", b"").split(b",")
        chosen = SUBPROTOCOL if SUBPROTOCOL.encode() in (part.strip() for part in protocols) else None
        await self._send({"type": "websocket.accept", "subprotocol": chosen})

    async def _close(self, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": _POLICY, "reason": reason})


def frame_bytes(message: Message) -> bytes:
    text = message.get("text")
    return message.get("bytes") or b"" if text is None else text.encode("utf-8", "replace")
