"""`@resource`: what a function gives, and how it is opened and closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from journeyman.errors import ToolValidationError
from journeyman.tools.authoring.resources import Resource, resource


class Pool:
    closed = False


@resource
def plain() -> Pool:
    return Pool()


@resource
async def awaited() -> Pool:
    return Pool()


@resource
def cleaned() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.closed = True


@resource
async def cleaned_later() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    pool.closed = True


@pytest.mark.parametrize("each", [plain, awaited, cleaned, cleaned_later], ids=lambda each: each.__name__)
async def test_it_is_opened_by_any_kind_of_function_and_cleaned_up_at_the_end(each: Resource) -> None:
    assert each.provides() is Pool
    async with AsyncExitStack() as stack:
        pool = await each.open(stack)
        assert not pool.closed
    assert pool.closed is each.__name__.startswith("cleaned")


def test_what_cannot_be_a_resource() -> None:
    def with_argument(url: str) -> Pool:
        return Pool()

    def silent():  # type: ignore[no-untyped-def]
        return Pool()

    with pytest.raises(ToolValidationError, match="takes no arguments"):
        resource(with_argument)
    with pytest.raises(ToolValidationError, match="return hint"):
        resource(silent).provides()
