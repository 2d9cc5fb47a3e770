"""Every asyncio task of the loop as it stands: what it waits in, how old it is, who started it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterator
from types import CodeType, FrameType
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from journeyman.clock import Clock

Awaited = Coroutine[Any, Any, Any] | Generator[Any, None, Any]
MOST_TASKS = 1000
MOST_FRAMES = 20


class Birth(msgspec.Struct, frozen=True):
    at: float  # monotonic seconds
    parent: str | None  # the task that made it; None: no task did, a callback say


class TaskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A task. `stack`: where it waits, the outermost call first. Age (seconds), parent: if made since `install`."""

    name: str
    code: str
    stack: tuple[str, ...]
    age: float | None = None
    parent: str | None = None


class TaskBook:
    """Remembers when each task was made and by which, as the loop's task factory; forgotten with the task."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._births: WeakKeyDictionary[asyncio.Task[Any], Birth] = WeakKeyDictionary()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on. A loop that has a factory keeps it."""
        if loop.get_task_factory() is None:
            loop.set_task_factory(self)

    def remove(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop.get_task_factory() is self:
            loop.set_task_factory(None)

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Awaited, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        parent = asyncio.current_task(loop)
        self._births[task] = Birth(self._clock.monotonic(), parent.get_name() if parent else None)
        return task

    def read(self) -> list[TaskFigures]:
        """The running loop's tasks by name, at most a thousand."""
        tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())[:MOST_TASKS]
        return [self._figures(task) for task in tasks]

    def _figures(self, task: asyncio.Task[Any]) -> TaskFigures:
        born = self._births.get(task)
        coro = task.get_coro()
        return TaskFigures(
            name=task.get_name(),
            code=getattr(coro, "__qualname__", type(coro).__qualname__),
            stack=tuple(_frames(coro)),
            age=round(self._clock.monotonic() - born.at, 3) if born else None,
            parent=born.parent if born else None,
        )


def _frames(awaited: object) -> Iterator[str]:
    """From a coroutine down to what it waits for. A suspended one knows only its own frame: the chain is walked."""
    for _ in range(MOST_FRAMES):
        frame = _first(awaited, "cr_frame", "gi_frame", "ag_frame")
        if isinstance(frame, FrameType):
            code: CodeType = frame.f_code
            yield f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
        awaited = _first(awaited, "cr_await", "gi_yieldfrom", "ag_await")
        if awaited is None:
            return


def _first(thing: object, *names: str) -> object:
    return next((found for name in names if (found := getattr(thing, name, None)) is not None), None)
