"""Describes the asyncio tasks of the running loop: where each waits, how old it is, and which task made it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterator
from types import CodeType, FrameType
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from journeyman.clock import Clock

Awaited = Coroutine[Any, Any, Any] | Generator[Any, None, Any]
MAX_TASKS = 1000
MAX_FRAMES = 20


class TaskInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `stack` says where it waits, the outermost call first.

    `age` (seconds) and `parent` are known only for tasks made after `TaskTracker.install`.
    """

    name: str
    code: str
    stack: tuple[str, ...]
    age: float | None = None
    parent: str | None = None


class _Creation(msgspec.Struct, frozen=True):
    """When a task was made, and in which task. `parent` is None if it was made outside of tasks, as in a callback."""

    at: float  # monotonic seconds
    parent: str | None


class TaskTracker:
    """A task factory that remembers when and by which task each task was made, until the task is gone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._creations: WeakKeyDictionary[asyncio.Task[Any], _Creation] = WeakKeyDictionary()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Track the loop's tasks from now on. A loop that already has a task factory keeps it."""
        if loop.get_task_factory() is None:
            loop.set_task_factory(self)

    def remove(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop tracking the loop's tasks."""
        if loop.get_task_factory() is self:
            loop.set_task_factory(None)

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Awaited, **options: Any) -> asyncio.Task[Any]:
        """Make a task and remember its creation. asyncio calls this as the loop's task factory."""
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        parent = asyncio.current_task(loop)
        self._creations[task] = _Creation(self._clock.monotonic(), parent.get_name() if parent else None)
        return task

    def read(self) -> list[TaskInfo]:
        """Return the running loop's tasks, sorted by name, at most MAX_TASKS."""
        tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())[:MAX_TASKS]
        return [self._info(task) for task in tasks]

    def _info(self, task: asyncio.Task[Any]) -> TaskInfo:
        creation = self._creations.get(task)
        coro = task.get_coro()
        return TaskInfo(
            name=task.get_name(),
            code=getattr(coro, "__qualname__", type(coro).__qualname__),
            stack=tuple(_frames(coro)),
            age=round(self._clock.monotonic() - creation.at, 3) if creation else None,
            parent=creation.parent if creation else None,
        )


def _frames(awaited: object) -> Iterator[str]:
    """Yield the frames from a coroutine down to what it waits for.

    A suspended coroutine has only its own frame, so the chain of awaited objects is followed.
    """
    for _ in range(MAX_FRAMES):
        frame = _first_attribute(awaited, "cr_frame", "gi_frame", "ag_frame")
        if isinstance(frame, FrameType):
            code: CodeType = frame.f_code
            yield f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
        awaited = _first_attribute(awaited, "cr_await", "gi_yieldfrom", "ag_await")
        if awaited is None:
            return


def _first_attribute(value: object, *names: str) -> object:
    """Return the first of these attributes that is not None, or None."""
    return next((found for name in names if (found := getattr(value, name, None)) is not None), None)
