"""A model client that answers from a script, errors included, and raises an error when no scripted turn is left."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from journeyman.clock import Clock, SystemClock
from journeyman.errors import ConfigurationError, Problem, ServiceError
from journeyman.events.messages import JSON, Message, TextPart, ToolCall, Usage, valid_text
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.llm.gateway import errors
from journeyman.llm.gateway.complaint import shortened

MAX_SCRIPT_BYTES = 1 << 20
_KEPT_REQUESTS = 1000

_ERRORS: dict[str, Callable[[], ServiceError]] = {
    "rate_limit": lambda: errors.gateway_error(429, "scripted", 1.0),
    "timeout": lambda: errors.gateway_error(504, "scripted"),
    "500": lambda: errors.gateway_error(500, "scripted"),
    "malformed_json": lambda: errors.bad_gateway_reply("scripted"),
    "cut_stream": lambda: errors.cut_stream("scripted"),
    "auth": lambda: errors.gateway_error(401, "scripted"),
}


class ScriptedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call in a scripted turn. `arguments` given as text are used unchanged, whether they are JSON or not."""

    name: str
    arguments: dict[str, JSON] | str = {}
    id: str | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scripted reply.

    `when` is a regular expression that the last user or tool message must match; without it the turn always fits.
    """

    text: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()
    error: str | int | None = None  # rate_limit | timeout | 500 | malformed_json | cut_stream | auth
    usage: Usage = Usage()
    delay_ms: float = 0
    when: str | None = None

    def __post_init__(self) -> None:
        if self.error is not None and str(self.error) not in _ERRORS:
            raise ValueError(f"error {self.error!r} is none of {', '.join(_ERRORS)}")
        if self.when is not None:
            try:
                re.compile(self.when)
            except re.error as exc:
                raise ValueError(f"when is not a regular expression: {exc}") from exc


class ScriptedModel:
    """A model client whose calls each take the first unused turn that fits, unless their request names its turn.

    `requests` keeps the last 1,000 requests.
    """

    def __init__(
        self, turns: Sequence[Turn | Mapping[str, Any]], *, clock: Clock | None = None, name: str = "script"
    ) -> None:
        """Create a model from a script.

        Raises:
            ConfigurationError: Some turns are invalid; it lists all of them.
        """
        self._turns = _parse_turns(turns, name)
        self._left = list(enumerate(self._turns, 1))
        self._clock = clock or SystemClock()
        self._name = name
        self._calls = 0
        self.requests: deque[ModelRequest] = deque(maxlen=_KEPT_REQUESTS)

    @classmethod
    def from_file(cls, path: Path | str, *, clock: Clock | None = None) -> ScriptedModel:
        """Return a model with the script in a YAML file, which is a list of turns.

        Raises:
            ConfigurationError: The file cannot be read or is not a valid script.
        """
        return cls(_read(Path(path)), clock=clock, name=f"script:{path}")

    @property
    def unused(self) -> tuple[Turn, ...]:
        """The turns that no call has taken yet."""
        return tuple(turn for _, turn in self._left)

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        self.requests.append(request)
        self._calls += 1
        number, turn = self._take_turn(request) if request.turn is None else self._named_turn(request)
        if turn.delay_ms > 0:
            await self._clock.sleep(turn.delay_ms / 1000)
        text = valid_text(turn.text)
        if turn.error is not None:
            if on_delta is not None and turn.error == "cut_stream":
                await _stream_words(text[: len(text) // 2], on_delta)
            raise _ERRORS[str(turn.error)]()
        if on_delta is not None:
            await _stream_words(text, on_delta)
        return ModelReply(
            message=Message(
                role="assistant", content=(TextPart(text),) if text else (), tool_calls=_calls(turn, number)
            ),
            model=self._name,
            usage=turn.usage,
            finish_reason="tool_calls" if turn.tool_calls else "stop",
        )

    async def aclose(self) -> None:
        return None

    def next_turn(self, request: ModelRequest, used: Container[int]) -> int:
        """Return the number of the first turn that fits the request and is not in `used`; 0 if there is none."""
        left = ((number, turn) for number, turn in enumerate(self._turns, 1) if number not in used)
        return next((number for number, _ in _fitting(left, _last_text(request))), 0)

    def _named_turn(self, request: ModelRequest) -> tuple[int, Turn]:
        if request.turn and request.turn <= len(self._turns):
            return request.turn, self._turns[request.turn - 1]
        message = (
            f"{self._name} has no turn left in this thread that fits {shortened(_last_text(request))!r}: "
            f"it has {len(self._turns)} turns; add a turn"
        )
        raise ServiceError(message, code="script_exhausted")

    def _take_turn(self, request: ModelRequest) -> tuple[int, Turn]:
        last_text = _last_text(request)
        for taken in _fitting(self._left, last_text):
            self._left.remove(taken)
            return taken
        left = f"; the {len(self._left)} left do not fit {shortened(last_text)!r}" if self._left else ""
        message = f"{self._name} has no turn for call {self._calls}: it has {len(self._turns)} turns{left}; add a turn"
        raise ServiceError(message, code="script_exhausted")


def _last_text(request: ModelRequest) -> str:
    return next((one.text for one in reversed(request.messages) if one.role in ("user", "tool")), "")


def _fitting(turns: Iterable[tuple[int, Turn]], text: str) -> Iterator[tuple[int, Turn]]:
    return ((number, turn) for number, turn in turns if turn.when is None or re.search(turn.when, text))


async def _stream_words(text: str, on_delta: Callable[[TextDelta], None]) -> None:
    for piece in re.findall(r"\S+\s*|\s+", text):
        on_delta(TextDelta(piece))
        await asyncio.sleep(0)


def _calls(turn: Turn, number: int) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(
            call.id or f"call_{number}_{position}",
            call.name,
            call.arguments if isinstance(call.arguments, str) else msgspec.json.encode(call.arguments).decode(),
        )
        for position, call in enumerate(turn.tool_calls, 1)
    )


def _parse_turns(turns: Sequence[Turn | Mapping[str, Any]], name: str) -> list[Turn]:
    parsed: list[Turn] = []
    problems: list[Problem] = []
    for number, turn in enumerate(turns, 1):
        try:
            parsed.append(turn if isinstance(turn, Turn) else msgspec.convert(turn, Turn))
        except msgspec.ValidationError as exc:
            problems.append(Problem(f"turn {number}: {exc}", file=name))
    if problems:
        raise ConfigurationError(f"{name} is not a script", problems)
    return parsed


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses aliases, since a few of them can expand to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", self.get_mark())
        return super().compose_node(parent, index)


def _read(path: Path) -> list[Any]:
    name = f"script:{path}"
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SCRIPT_BYTES + 1)
        if len(text) > MAX_SCRIPT_BYTES:
            raise ConfigurationError(f"{name} is larger than {MAX_SCRIPT_BYTES} bytes; split it")
        turns = yaml.load(text, _Loader)
    except OSError as exc:
        raise ConfigurationError(f"{name} cannot be read: {exc.strerror}; check the path") from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        reason = getattr(exc, "problem", None) or str(exc)
        raise ConfigurationError(f"{name} is not YAML", [Problem(reason, str(path), line, column)]) from exc
    if not isinstance(turns, list):
        raise ConfigurationError(f"{name} is not a list of turns; begin each turn with a dash")
    return turns
