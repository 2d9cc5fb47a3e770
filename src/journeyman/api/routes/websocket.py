"""WS /ws: one socket for many runs.

Each command is answered by `ack` or `error` with its id; the events of runs are sent in the form of SSE's data.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import NoReturn

from starlette.types import Receive, Scope, Send

from journeyman.api import sse
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.disconnects import cancel_for
from journeyman.api.json_body import ClientDisconnected, convert, parse
from journeyman.api.middleware.authentication import AuthenticationMiddleware
from journeyman.api.middleware.websocket_auth import WebSocketAuthentication, frame_bytes
from journeyman.api.problems import RequestError, problem_of
from journeyman.api.requests import answer_of, start_of
from journeyman.api.responses import encode
from journeyman.api.security.body_bytes import SMALL_BYTES
from journeyman.api.security.request_context import RequestContext, context_of
from journeyman.api.security.scopes import COMMANDS
from journeyman.api.security.unread_bytes import LARGE_BYTES
from journeyman.api.websocket_messages import (
    Acknowledged,
    Cancel,
    Command,
    Input,
    Refused,
    Resume,
    Start,
    Subscribe,
    encode_frame,
)
from journeyman.errors import ResourceError, StateError, UnauthenticatedError
from journeyman.runtime.engine.frames import Frame
from journeyman.telemetry.logs.setup import bind

_LOG = logging.getLogger(__name__)
PATH = "/ws"
_TOO_BIG, _POLICY = 1009, 1008


class WebSocketEndpoint:
    """The ASGI endpoint of WebSockets. It makes one `_Socket` for each connection."""

    def __init__(self, dependencies: ApiDependencies, authentication: AuthenticationMiddleware) -> None:
        self._dependencies = dependencies
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        authentication = WebSocketAuthentication(self._authentication, self._dependencies, context, receive, send)
        caller = await authentication.accept()
        if caller is not None:
            context.authenticated(caller)
            bind(principal=caller.principal)
            await _Socket(self._dependencies, context, authentication, receive, send).serve()


class _Socket:
    """One authenticated connection: reads commands, and sends the frames of the runs that it follows."""

    def __init__(
        self,
        dependencies: ApiDependencies,
        context: RequestContext,
        authentication: WebSocketAuthentication,
        receive: Receive,
        send: Send,
    ) -> None:
        self._dependencies = dependencies
        self._authentication = authentication
        self._runs = dependencies.runs
        self._context = context
        self._receive = receive
        self._send_frame = send
        self._sending = asyncio.Lock()
        self._command_slots = asyncio.Semaphore(dependencies.limits.socket_commands)
        self._followed: set[str] = set()
        self._cancelled_on_leave: set[str] = set()

    async def serve(self) -> None:
        """Serve until the client leaves, exceeds a limit, stops reading, or loses its credential."""
        try:
            async with asyncio.TaskGroup() as group:
                if self._authentication.can_expire:
                    group.create_task(self._watch_credential())
                await self._read(group)
        except* ClientDisconnected:
            pass
        for run_id in self._cancelled_on_leave:
            await cancel_for(self._runs, self._context.principal, run_id)

    async def _watch_credential(self) -> None:
        """Close the socket when its credential is no longer valid, whatever it follows."""
        await self._authentication.expired()
        await self._close_unauthenticated()

    async def _close_unauthenticated(self) -> NoReturn:
        await self._send_frame({"type": "websocket.close", "code": _POLICY, "reason": "unauthenticated"})
        raise ClientDisconnected

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise ClientDisconnected
            raw = frame_bytes(message)
            if len(raw) > self._dependencies.limits.body_bytes:
                await self._send_frame({"type": "websocket.close", "code": _TOO_BIG, "reason": "frame_too_large"})
                raise ClientDisconnected
            await self._command_slots.acquire()
            group.create_task(self._command(raw, group))

    async def _command(self, raw: bytes, group: asyncio.TaskGroup) -> None:
        command_id: str | None = None
        principal, held = self._context.principal, 0
        try:
            if len(raw) > SMALL_BYTES and self._context.bodies is not None:
                self._context.bodies.hold(principal, len(raw))
                held = len(raw)
            value = parse(raw, self._dependencies.limits)
            if isinstance(value, dict) and isinstance(value.get("id"), str):
                command_id = value["id"][:200]
            await self._perform(convert(value, Command), group)  # type: ignore[arg-type]
        except ClientDisconnected:
            raise
        except UnauthenticatedError as exc:
            await self._refuse(command_id, exc)
            await self._close_unauthenticated()
        except Exception as exc:  # noqa: BLE001 - the root of a task: logged and answered
            await self._refuse(command_id, exc)
        finally:
            if held and self._context.bodies is not None:
                self._context.bodies.free(principal, held)
            self._command_slots.release()

    async def _refuse(self, command_id: str | None, exc: Exception, run_id: str | None = None) -> None:
        problem = problem_of(exc, self._dependencies.ids, self._dependencies.mask)
        await self._send(
            encode(Refused(command_id, problem.error, problem.code, problem.error_id, problem.status, run_id))
        )

    async def _perform(self, command: Command, group: asyncio.TaskGroup) -> None:
        self._context.authenticated(await self._authentication.authenticate_again())
        caller, principal = self._context.known, self._context.principal
        scope = COMMANDS[type(command).__struct_config__.tag]  # type: ignore[index]
        if self._dependencies.rate_limiter is not None and not (isinstance(command, Subscribe) and caller.may(scope)):
            await self._dependencies.rate_limiter.count_caller(caller, self._context)
        caller.check(scope)
        match command:
            case Start():
                await self._start(command, group)
            case Subscribe():
                await self._subscribe(command, group)
            case Cancel():
                result = await self._runs.cancel(principal, command.run_id)
                await self._acknowledge(command.id, result.run_id, result.thread_id)
            case Resume():
                answers = tuple(map(answer_of, command.answers))
                anyone = caller.may("approve:any")
                result = await self._runs.answer(
                    principal, command.run_id, answers, anyone=anyone, credential=caller.credential
                )
                await self._acknowledge(command.id, result.run_id, result.thread_id)
            case Input():
                result = await self._runs.tell(principal, command.run_id, command.text, credential=caller.credential)
                await self._acknowledge(command.id, result.run_id, result.thread_id)

    async def _start(self, command: Start, group: asyncio.TaskGroup) -> None:
        self._check_capacity()
        started = await self._runs.start(self._context.principal, start_of(command, self._context, stream=True))
        if command.on_disconnect == "cancel":
            self._cancelled_on_leave.add(started.run_id)
        await self._acknowledge(command.id, started.run_id, started.thread_id)
        if started.run_id not in self._followed:
            self._follow(command.id, started.run_id, 0, group)

    async def _subscribe(self, command: Subscribe, group: asyncio.TaskGroup) -> None:
        self._check_capacity()
        row = await self._runs.get(self._context.principal, command.run_id)
        if command.after > row.last_seq:
            raise RequestError(f"The run has no event {command.after} yet: its last is {row.last_seq}.", path="after")
        if command.run_id in self._followed:
            raise StateError("This socket already follows that run.", code="already_subscribed")
        self._followed.add(command.run_id)
        await self._acknowledge(command.id, command.run_id, None)
        self._follow(command.id, command.run_id, command.after, group)

    def _check_capacity(self) -> None:
        if len(self._followed) >= self._dependencies.limits.socket_runs:
            raise ResourceError(
                "This socket follows as many runs as one socket may: open another one.", code="too_many_runs"
            )

    def _follow(self, command_id: str, run_id: str, after: int, group: asyncio.TaskGroup) -> None:
        self._followed.add(run_id)
        frames = self._runs.watch(self._context.principal, run_id, after)
        group.create_task(self._send_frames(command_id, run_id, frames))

    async def _send_frames(self, command_id: str, run_id: str, frames: AsyncIterator[Frame]) -> None:
        try:
            async for frame in frames:
                await self._send(encode_frame(run_id, frame))
        except ClientDisconnected:
            raise
        except Exception as exc:  # noqa: BLE001 - the root of a task: logged and answered
            await self._refuse(command_id, exc, run_id)
        finally:
            self._followed.discard(run_id)
            await sse.close(frames)

    async def _acknowledge(self, command_id: str, run_id: str, thread_id: str | None) -> None:
        await self._send(encode(Acknowledged(command_id, run_id, thread_id)))

    async def _send(self, frame: bytes) -> None:
        """Send one frame at a time. Raises ClientDisconnected if the client reads nothing for too long."""
        seconds = self._dependencies.limits.send_seconds * (1 + len(frame) // LARGE_BYTES)  # sent in slices
        async with self._sending:
            try:
                async with asyncio.timeout(seconds):
                    await self._send_frame({"type": "websocket.send", "text": frame.decode()})
            except (TimeoutError, OSError) as exc:
                raise ClientDisconnected from exc
