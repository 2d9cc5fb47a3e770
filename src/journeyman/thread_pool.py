"""A pool of threads that goes on with those that it has while the system gives no more."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from journeyman.exhaustion import exhausted_by


class ThreadPool(ThreadPoolExecutor):
    """A pool whose jobs wait for its running threads if another one cannot be started.

    `ThreadPoolExecutor` raises an error then, although it has queued the job: the job runs later, and its caller has
    been answered that it failed.
    """

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue a job. Raises RuntimeError, and never runs the job, if the pool has no thread and gets none."""
        job = _Job(fn)
        try:
            return super().submit(job, *args, **kwargs)
        except RuntimeError:
            job.withdrawn = True
            raise

    def _adjust_thread_count(self) -> None:
        """Start a thread for the queued job, if the pool has fewer than it may and none is idle."""
        try:
            super()._adjust_thread_count()  # private, and the only place where threads start
        except RuntimeError as exc:
            if exhausted_by(exc) is None or not self._threads:
                raise


class _Job:
    """A function that does nothing once it was withdrawn."""

    __slots__ = ("_function", "withdrawn")

    def __init__(self, function: Any) -> None:
        self._function = function
        self.withdrawn = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return None if self.withdrawn else self._function(*args, **kwargs)
