"""WS /ws: one socket, many runs. Each command is answered by `ack` or `error` with its id; events come as in SSE."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

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
from journeyman.api.security.request_context import RequestContext, context_of, with_caller
from journeyman.api.security.scopes import COMMANDS
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
from journeyman.errors import ResourceError, StateError
from journeyman.runtime.engine.frames import Frame
from journeyman.telemetry.logs.setup import bind

_LOG = logging.getLogger(__name__)
PATH = "/ws"
_TOO_BIG, _POLICY = 1009, 1008


class WebSocketEndpoint:
    """The ASGI endpoint: an object of its own for each connection."""

    def __init__(self, ports: ApiDependencies, gate: AuthenticationMiddleware) -> None:
        self._ports = ports
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = context_of(scope)
        entrance = WebSocketAuthentication(self._gate, self._ports, visit, receive, send)
        caller = await entrance.caller()
        if caller is not None:
            visit = with_caller(scope, caller)
            bind(principal=caller.principal)
            await _Socket(self._ports, visit, entrance, receive, send).serve()


class _Socket:
    def __init__(
        self,
        ports: ApiDependencies,
        visit: RequestContext,
        entrance: WebSocketAuthentication,
        receive: Receive,
        send: Send,
    ) -> None:
        self._ports = ports
        self._entrance = entrance
        self._runs = ports.runs
        self._visit = visit
        self._receive = receive
        self._send_frame = send
        self._sending = asyncio.Lock()
        self._slots = asyncio.Semaphore(ports.limits.socket_commands)
        self._watched: set[str] = set()
        self._leave: set[str] = set()  # runs that end with this client

    async def serve(self) -> None:
        """Until the client leaves, breaks a bound, or stops reading."""
        try:
            async with asyncio.TaskGroup() as group:
                if self._entrance.may_end:
                    group.create_task(self._watch_credential())
                await self._read(group)
        except* ClientDisconnected:
            pass
        for run_id in self._leave:
            await cancel_for(self._runs, self._visit.principal, run_id)

    async def _watch_credential(self) -> None:
        """Until it holds no longer: then the socket ends, whatever it watches."""
        await self._entrance.expired()
        await self._send_frame({"type": "websocket.close", "code": _POLICY, "reason": "unauthenticated"})
        raise ClientDisconnected

    async def _read(self, group: asyncio.TaskGroup) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise ClientDisconnected
            raw = frame_bytes(message)
            if len(raw) > self._ports.limits.socket_frame_bytes:
                await self._send_frame({"type": "websocket.close", "code": _TOO_BIG, "reason": "frame_too_large"})
                raise ClientDisconnected
            await self._slots.acquire()
            group.create_task(self._command(raw, group))

    async def _command(self, raw: bytes, group: asyncio.TaskGroup) -> None:
        name: str | None = None
        try:
            value = parse(raw, self._ports.limits)
            if isinstance(value, dict) and isinstance(value.get("id"), str):
                name = value["id"][:200]
            await self._perform(convert(value, Command), group)  # type: ignore[arg-type]
        except ClientDisconnected:
            raise
        except Exception as exc:  # noqa: BLE001 - the root of a task: logged and answered
            await self._refuse(name, exc)
        finally:
            self._slots.release()

    async def _refuse(self, name: str | None, exc: Exception, run_id: str | None = None) -> None:
        problem = problem_of(exc, self._ports.ids, self._ports.mask)
        await self._send(encode(Refused(name, problem.error, problem.code, problem.error_id, problem.status, run_id)))

    async def _perform(self, command: Command, group: asyncio.TaskGroup) -> None:
        principal = self._visit.principal
        self._visit.known.check(COMMANDS[type(command).__struct_config__.tag])  # type: ignore[index]
        if self._ports.admission is not None and not isinstance(command, Subscribe):
            await self._ports.admission.of(self._visit.known, {})
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
                anyone = self._visit.known.may("approve:any")
                result = await self._runs.answer(principal, command.run_id, answers, anyone=anyone)
                await self._acknowledge(command.id, result.run_id, result.thread_id)

            case Input():
                result = await self._runs.tell(principal, command.run_id, command.text)
                await self._acknowledge(command.id, result.run_id, result.thread_id)

    async def _start(self, command: Start, group: asyncio.TaskGroup) -> None:
        self._check_room()
        started = await self._runs.start(self._visit.principal, start_of(command, self._visit, stream=True))
        if command.on_disconnect == "cancel":
            self._leave.add(started.run_id)
        await self._acknowledge(command.id, started.run_id, started.thread_id)
        if started.run_id not in self._watched:
            self._watch(command.id, started.run_id, 0, group)

    async def _subscribe(self, command: Subscribe, group: asyncio.TaskGroup) -> None:
        self._check_room()
        row = await self._runs.get(self._visit.principal, command.run_id)
        if command.after > row.last_seq:
            raise RequestError(f"The run has no event {command.after} yet: its last is {row.last_seq}.", path="after")
        if command.run_id in self._watched:
            raise StateError("This socket watches that run already.", code="already_subscribed")
        self._watched.add(command.run_id)
        await self._acknowledge(command.id, command.run_id, None)
        self._watch(command.id, command.run_id, command.after, group)

    def _check_room(self) -> None:
        if len(self._watched) >= self._ports.limits.socket_runs:
            raise ResourceError("This socket watches as many runs as it may: open another.", code="too_many_runs")

    def _watch(self, name: str, run_id: str, after: int, group: asyncio.TaskGroup) -> None:
        self._watched.add(run_id)
        frames = self._runs.watch(self._visit.principal, run_id, after)
        group.create_task(self._pump(name, run_id, frames))

    async def _pump(self, name: str, run_id: str, frames: AsyncIterator[Frame]) -> None:
        try:
            async for frame in frames:
                await self._send(encode_frame(run_id, frame))
        except ClientDisconnected:
            raise
        except Exception as exc:  # noqa: BLE001 - the root of a task: logged and told
            await self._refuse(name, exc, run_id)
        finally:
            self._watched.discard(run_id)
            await sse.close(frames)

    async def _acknowledge(self, name: str, run_id: str, thread_id: str | None) -> None:
        await self._send(encode(Acknowledged(name, run_id, thread_id)))

    async def _send(self, frame: bytes) -> None:
        """One frame at a time; a client that does not read for too long is left."""
        async with self._sending:
            try:
                async with asyncio.timeout(self._ports.limits.send_seconds):
                    await self._send_frame({"type": "websocket.send", "text": frame.decode()})
            except (TimeoutError, OSError) as exc:
                raise ClientDisconnected from exc
