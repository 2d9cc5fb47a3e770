"""The tasks in which the code of a graph node runs, and how they are cancelled together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

STOP_SECONDS = 5.0  # how long cancelled tasks of the code may take to unwind


class NodeTasks:
    """The tasks of a node's code: its root, and those tasks that the code created and that call its context.

    The code is suspended when it needs an answer or when a limit is reached: it is cancelled as soon as none of its
    calls is performed any more. If `suspended` is true, what the code returns or raises does not count.
    """

    def __init__(self, root: asyncio.Task[None]) -> None:
        self._root = root
        self._others: set[asyncio.Task[None]] = set()
        self._performed = 0  # calls that are performed now
        self._cancels = 0  # how often suspending has cancelled the root
        self._ended = False
        self.suspended = False

    @contextmanager
    def performing(self) -> Iterator[None]:
        """Count a call of the current task as performed, so that suspending the code waits for it."""
        self._adopt()
        self._performed += 1
        try:
            yield
        finally:
            self._performed -= 1
            self._cancel_if_idle()

    async def suspend(self) -> NoReturn:
        """Suspend the code. Ends with the cancellation of the current task."""
        self.suspended = True
        self._adopt()
        self._cancel_if_idle()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("suspended code goes on")

    def cancelled_from_outside(self) -> bool:
        """Return whether the root, which was cancelled, was cancelled by others than `suspend`."""
        while self._cancels:
            self._cancels -= 1
            self._root.uncancel()
        return self._root.cancelling() > 0

    async def stop(self) -> None:
        """Cancel the tasks that the code has left behind and wait, within a bound, for their end."""
        self._ended = True
        if self._others:
            for task in self._others:
                task.cancel()
            await asyncio.wait(self._others, timeout=STOP_SECONDS)

    def _adopt(self) -> None:
        """Keep the current task if the code has created it: it must not outlive the node."""
        task = asyncio.current_task()
        if task is not None and task is not self._root and task not in self._others:
            self._others.add(task)
            task.add_done_callback(self._others.discard)

    def _cancel_if_idle(self) -> None:
        if self.suspended and not self._performed and not self._ended:
            self._cancels += 1
            self._root.cancel()
