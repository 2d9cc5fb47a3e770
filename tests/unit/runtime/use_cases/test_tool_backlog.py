from __future__ import annotations

from collections import Counter

import pytest

from journeyman.errors import ResourceError
from journeyman.runtime.use_cases.tool_backlog import ToolBacklog, ToolBacklogLimits


class Calls:
    def __init__(self, **waiting: int) -> None:
        self.counts = Counter(waiting)

    @property
    def waiting(self) -> int:
        return self.counts.total()

    def waiting_of(self, owner: str) -> int:
        return self.counts[owner]


def test_a_call_behind_too_many_of_its_owner_is_refused_and_one_of_another_is_not() -> None:
    backlog = ToolBacklog(Calls(ann=2), ToolBacklogLimits(9, 2))
    with pytest.raises(ResourceError, match="of your tool calls") as refused, backlog.entering("ann"):
        raise AssertionError
    assert (refused.value.code, refused.value.retry_after) == ("overloaded", 2)
    with backlog.entering("bob"):
        pass


def test_a_call_behind_too_many_of_all_is_refused() -> None:
    backlog = ToolBacklog(Calls(ann=2, bob=1), ToolBacklogLimits(3, 2))
    with pytest.raises(ResourceError, match="Too many tool calls"), backlog.entering("cat"):
        raise AssertionError


def test_calls_that_are_being_stored_count() -> None:
    backlog = ToolBacklog(Calls(), ToolBacklogLimits(9, 2))
    with backlog.entering("ann"), backlog.entering("ann"):
        with pytest.raises(ResourceError), backlog.entering("ann"):
            raise AssertionError
        with backlog.entering("bob"):
            pass
    with backlog.entering("ann"):
        pass
