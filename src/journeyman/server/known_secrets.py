"""The secret values that this process knows: masked wherever people look, and more of them after a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Learn = Callable[[tuple[str, ...]], None]


class KnownSecrets:
    """Keeps every secret value, and passes new ones on to the parts that mask."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = tuple(dict.fromkeys(values))
        self._subscribers: list[Learn] = []

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that is known now."""
        return self._values

    def subscribe(self, learn: Learn) -> None:
        """Call `learn` with the new values, whenever there are some."""
        self._subscribers.append(learn)

    def learn(self, values: Iterable[str]) -> None:
        """Mask these values too. Values that are known already change nothing."""
        new = tuple(value for value in dict.fromkeys(values) if value not in self._values)
        if new:
            self._values += new
            for learn in self._subscribers:
                learn(new)
