"""A pool of threads whose system gives it no more of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from journeyman.thread_pool import ThreadPool


class FewThreads(ThreadPoolExecutor):
    """A pool whose system gives it `limit` threads."""

    limit = 1

    def _adjust_thread_count(self) -> None:
        if len(self._threads) >= self.limit:
            raise RuntimeError("can't start new thread")
        super()._adjust_thread_count()


class LimitedPool(ThreadPool, FewThreads):
    """A pool of the server on such a system."""

    def __init__(self, limit: int) -> None:
        super().__init__(4)
        self.limit = limit


def test_jobs_wait_for_the_threads_that_run() -> None:
    with LimitedPool(1) as pool:
        first = threading.Event()
        blocked = pool.submit(first.wait, 5)
        jobs = [pool.submit(lambda value: value * 2, value) for value in range(20)]
        first.set()
        assert blocked.result(5)
        assert [job.result(5) for job in jobs] == [value * 2 for value in range(20)]


def test_without_any_thread_the_job_is_refused_and_never_runs() -> None:
    with LimitedPool(0) as pool:
        ran: list[int] = []
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(ran.append, 1)
        pool.limit = 1
        assert pool.submit(ran.append, 2).result(5) is None
        assert ran == [2]


def test_a_pool_that_is_shut_down_refuses_jobs() -> None:
    pool = ThreadPool(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(int)


def test_errors_of_jobs_are_those_of_their_results() -> None:
    with ThreadPool(1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(5)
