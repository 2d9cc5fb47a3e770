"""Conditions in the Common Expression Language (CEL): compiled and checked once, evaluated with plain data."""

from __future__ import annotations

import difflib
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import Any

from journeyman.errors import BaseError, ValidationError
from journeyman.events.messages import JSON

APPROVAL_NAMES = frozenset({"args", "context", "tool", "principal"})

MAX_LENGTH = 1000  # characters; the native parser recurses, and overflows its stack at some tens of thousands

MAX_STEPS = 10_000  # of macros in one another: with a thousand values, three of them would take a thousand million

_CONVERSIONS = {"bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"}
_TESTS = {"contains", "endsWith", "has", "matches", "size", "startsWith"}
_DATES = {"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"}
_TIMES = {"getHours", "getMilliseconds", "getMinutes", "getSeconds"}
_FUNCTIONS = frozenset(_CONVERSIONS | _TESTS | _DATES | _TIMES)
_TYPES = frozenset({"bool", "bytes", "double", "duration", "int", "list", "map", "string", "timestamp", "type", "uint"})
_OPERATOR = re.compile(r"@.*|[!_-].*_.*|_.*")
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_TEXT = re.compile(r"[rR]?(?:\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", re.DOTALL)
_LOOP = re.compile(r"(\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*)?\(|\)|\bin\b(?!\s*\[)")
_BUILDING = re.compile(r"\.\s*(?:map|filter)\s*\(")
_CLIENT_CONTEXT = re.compile(r"(?<![\w.])context\b\s*(?!\s*\.\s*server\b)(?:\.\s*(thread|global)\b)?")
_EVALUATION_ERRORS = (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError)


class ConditionError(BaseError):
    """A condition could not be evaluated with these values. An approval then asks; a node takes `on_error`."""

    default_code = "condition_error"


class Condition:
    """A compiled condition. Numbers compare by value: 50 equals 50.0."""

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program
        self._loops = _nested_macros(text)
        self._builds = _BUILDING.search(_TEXT.sub("''", text)) is not None

    def holds(self, values: Mapping[str, JSON]) -> bool:
        """Return whether the condition is true of `values`. Raises ConditionError if the result is not a boolean."""
        if (self._loops > 1 or self._builds) and _steps(self.text, values, self._loops, self._builds) > MAX_STEPS:
            raise ConditionError(f"The condition {self.text!r} takes more than {MAX_STEPS} steps with these values.")
        try:
            answer = self._program.execute(dict(values))
        except _EVALUATION_ERRORS as exc:
            raise ConditionError(f"The condition {self.text!r} cannot be evaluated: {_first_line(exc)}") from exc
        if not isinstance(answer, bool):
            raise ConditionError(f"The condition {self.text!r} gave {type(answer).__name__}, not true or false.")
        return answer


def compile_condition(text: str, names: Collection[str]) -> Condition:
    """Compile `text`, which may use these names. Raises ValidationError for a syntax error or an unknown name."""
    if len(text) > MAX_LENGTH:
        raise ValidationError(f"The condition is longer than {MAX_LENGTH} characters.", code="invalid_condition")
    try:
        program = _cel().compile(text)
    except ValueError as exc:
        raise ValidationError(
            f"The condition {text!r} is not valid CEL: {_syntax(exc)}", code="invalid_condition"
        ) from exc
    references = program.references()
    bound = set(_MACRO_VARIABLE.findall(text))
    _check_known(text, "name", set(references["variables"]) - bound - _TYPES, names)
    functions = {name for name in references["functions"] if not _OPERATOR.fullmatch(name)}
    _check_known(text, "function", functions, _FUNCTIONS)
    return Condition(text, program)


@lru_cache(maxsize=1024)
def compile_approval(text: str) -> Condition:
    """Compile the condition of a tool's approval, or return it from the cache. Raises as `compile_condition`."""
    return compile_condition(text, APPROVAL_NAMES)


def client_contexts(text: str) -> list[str]:
    """Return the contexts that a condition reads and clients may write, such as `context.thread`."""
    bare = _TEXT.sub("''", text)
    return sorted({f"context.{found[1]}" if found[1] else "context" for found in _CLIENT_CONTEXT.finditer(bare)})


def _nested_macros(text: str) -> int:
    """Return how many macros are in one another, at most: each goes through all values for each of the outer one.

    A search by `in` in what is not a list in the text goes through all values as well.
    """
    open_ones: list[bool] = []
    most = 0
    for found in _LOOP.finditer(_TEXT.sub("''", text)):
        if found[0] == ")":
            del open_ones[-1:]
        elif found[0].endswith("("):
            open_ones.append(found[1] is not None)
            most = max(most, sum(open_ones))
        else:
            most = max(most, sum(open_ones) + 1)
    return most


def _steps(text: str, values: Mapping[str, JSON], loops: int, builds: bool) -> float:
    """Return the most steps that the macros of a condition can take with these values.

    A list is no longer than the longest of the values, or than all that the text adds to one another. Macros that build
    a list copy it, with all that is in it, for each of its items: a hundred values in the time of a step.
    """
    written = text.count(",") + 1  # items of a list in the text, at most
    longest, total, waiting = written, 0, list(values.values())
    while waiting and longest <= MAX_STEPS:
        value = waiting.pop()
        total += 1
        if isinstance(value, dict):
            longest = max(longest, len(value))
            waiting.extend(value.values())
        elif isinstance(value, list):
            longest = max(longest, len(value))
            waiting.extend(value)
    added = text.count("+") + 1
    copied = max(total, longest * written) * added / 100 if builds else 1.0
    return float((longest * added) ** loops * max(1.0, copied))


def _check_known(text: str, kind: str, used: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(used) - set(known))
    if unknown:
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
        raise ValidationError(
            f"The condition {text!r} uses the unknown {kind} {unknown[0]!r}; {hint}", code="invalid_condition"
        )


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error).splitlines()[0].split(". ")[0][:200] if str(error) else type(error).__name__


def _syntax(error: ValueError) -> str:
    """Return the position and the reason from the parser's message, without the expression that it repeats."""
    found = re.search(r"<input>:\d+:(\d+): (?:Syntax error: )?([^\n]+)", str(error))
    if found is None:
        return "it cannot be parsed"
    reason = found.group(2).split(" expecting {")[0]
    return f"character {found.group(1)}: {reason[:200]}"


@cache
def _cel() -> Any:
    """Return the native CEL module, loaded when the first condition is compiled.

    Its package also imports a command line (typer, rich, prompt_toolkit: 0.9 s and 35 MB), which is not needed. The
    extension alone takes 20 ms and 4 MB, so it is loaded from the package's folder.
    """
    if "cel.cel" in sys.modules:
        return sys.modules["cel.cel"]
    package = importlib.util.find_spec("cel")
    folders = package.submodule_search_locations if package is not None else []
    spec = importlib.machinery.PathFinder.find_spec("cel.cel", folders)
    if spec is None or spec.loader is None:
        raise ImportError("common-expression-language is not installed: pip install common-expression-language")
    module = importlib.util.module_from_spec(spec)
    sys.modules["cel.cel"] = module  # an extension can be loaded once in a process: a later `import cel` finds this one
    spec.loader.exec_module(module)
    return module
