"""A queue in which owners take turns: what one of them puts in delays another's by one item, not by all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items by owner, each item once. Within an owner the order is that of arrival."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[T, None]] = {}  # in the order of their turns
        self._owner_of: dict[T, str] = {}

    def __len__(self) -> int:
        return len(self._owner_of)

    def __contains__(self, item: T) -> bool:
        return item in self._owner_of

    def count(self, owner: str) -> int:
        """Return how many items of an owner wait."""
        return len(self._owners.get(owner, ()))

    def put(self, owner: str, item: T) -> None:
        """Add an item; one that is in the queue stays where it is."""
        if item not in self._owner_of:
            self._owner_of[item] = owner
            self._owners.setdefault(owner, {})[item] = None

    def discard(self, item: T) -> None:
        """Take an item out, if it is in the queue."""
        owner = self._owner_of.pop(item, None)
        if owner is not None:
            del self._owners[owner][item]
            if not self._owners[owner]:
                del self._owners[owner]

    def take(self, may: Callable[[str], bool]) -> tuple[str, T] | None:
        """Take out the first item of the next owner that `may` have one, and end that owner's turn.

        Returns the owner and the item, or None if no owner may.
        """
        owner = next((each for each in self._owners if may(each)), None)
        if owner is None:
            return None
        items = self._owners.pop(owner)
        item = next(iter(items))
        del items[item], self._owner_of[item]
        if items:
            self._owners[owner] = items
        return owner, item
