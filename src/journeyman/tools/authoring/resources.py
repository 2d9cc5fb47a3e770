"""`@resource`: an object that is opened once per process, given to tools by parameter type, and closed at the end."""

from __future__ import annotations

import collections.abc
import inspect
import typing
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from journeyman.errors import ToolValidationError

_STREAMS = (
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.Generator,
    collections.abc.Iterator,
    collections.abc.Iterable,
)


class Resource:
    """A function that opens an object. A generator function yields the object once, and closes it after the yield."""

    def __init__(self, function: Callable[[], Any]) -> None:
        if inspect.signature(function).parameters:
            raise ToolValidationError(f"resource {function.__name__}: takes no arguments; read them inside it")
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def provides(self) -> Any:
        """Return the type by which tools ask for the object: what the function's return hint says.

        Raises:
            ToolValidationError: there is no return hint, or it cannot be resolved.
        """
        try:
            hint = typing.get_type_hints(self.function).get("return")
        except (NameError, TypeError) as exc:
            raise ToolValidationError(f"resource {self.__name__}: its return hint cannot be resolved: {exc}") from exc
        if hint is None:
            raise ToolValidationError(f"resource {self.__name__}: say what it gives by a return hint")
        if typing.get_origin(hint) in _STREAMS:
            return typing.get_args(hint)[0]
        return hint

    async def open(self, stack: AsyncExitStack) -> Any:
        """Open and return the object, and push its clean-up on `stack`."""
        if inspect.isasyncgenfunction(self.function):
            return await stack.enter_async_context(asynccontextmanager(self.function)())
        if inspect.isgeneratorfunction(self.function):
            return stack.enter_context(contextmanager(self.function)())
        value = self.function()
        return await value if inspect.isawaitable(value) else value


def resource(function: Callable[[], Any]) -> Resource:
    """Make a function a resource. It may be async, and it may be a generator function.

    A tool gets the object by a parameter whose type is that of the function's return hint; the resource must be defined
    in the tool's module or imported into it. It is opened once per process, at the first call that needs it.
    """
    return Resource(function)
