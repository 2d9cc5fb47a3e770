"""System prompts as Jinja2 templates: sandboxed, strict, compiled once.

Only text of agent files is compiled; text of users or models is passed in as values, and is never a template.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from journeyman.errors import BaseError
from journeyman.events.messages import JSON
from journeyman.events.server_context import readable_contexts

if TYPE_CHECKING:
    import jinja2

MAX_CHARACTERS = 256 * 1024  # of a rendered prompt
MAX_DEPTH = 50  # of a template's syntax tree
MAX_NODES = 5000
PROMPT_NAMES = ("agent", "context", "now")
MESSAGE_NAMES = (*PROMPT_NAMES, "reply")  # of the message of an approval node

_MARKUP = re.compile(r"\{[{%#]")


class PromptError(BaseError):
    """A prompt is no template, or cannot be rendered. `line` counts from 1 within the prompt; None: unknown."""

    default_code = "prompt_error"

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Prompt:
    """A compiled prompt. Text without markup is used as it is, and does not load Jinja."""

    def __init__(self, text: str, *, template: bool = True, names: Collection[str] = PROMPT_NAMES) -> None:
        """Compile `text`, which may use these names. With `template=False` braces have no meaning.

        Raises PromptError for a syntax error, an unknown name, or a reference to another template.
        """
        self.text = text
        self._template = _compile(text, names) if template and _MARKUP.search(text) else None

    def render(
        self,
        *,
        agent: Mapping[str, JSON],
        thread: Mapping[str, JSON],
        global_: Mapping[str, JSON],
        now: int,
        reply: str = "",
    ) -> str:
        """Return the system prompt. `now` is in microseconds since the epoch; templates see it as a datetime in UTC.

        `reply` is the last reply of the run, for a prompt that may use this name.

        Raises PromptError, for example if the context does not have a name that the template uses.
        """
        if self._template is None:
            return self.text
        values = {
            "agent": agent,
            "context": readable_contexts(thread, global_),
            "now": datetime.fromtimestamp(now // 1_000_000, UTC),
            "reply": reply,
        }
        return _render(self._template, values)


def parse_prompt(text: str) -> jinja2.nodes.Template:
    """Return the syntax tree of a prompt that compiles."""
    return _environment().parse(text)


def _compile(text: str, names: Collection[str]) -> jinja2.Template:
    # Loaded here: 120 ms and 6 MB, needed only for prompts with markup.
    from jinja2 import TemplateSyntaxError, meta  # noqa: PLC0415

    environment = _environment()
    try:
        tree = environment.parse(text)
        _check_size(tree)
        template = environment.from_string(tree)
    except TemplateSyntaxError as exc:
        raise PromptError(f"the prompt is not a Jinja2 template: {exc.message}", line=exc.lineno) from exc
    except (RecursionError, MemoryError, SyntaxError) as exc:  # limits of Python's own parser
        raise PromptError("the prompt nests too deeply") from exc
    if any(True for _ in meta.find_referenced_templates(tree)):
        raise PromptError("the prompt may not include, import or extend another template")
    unknown = sorted(meta.find_undeclared_variables(tree) - {*names, *environment.globals})
    if unknown:
        raise PromptError(
            f"the prompt uses the unknown name {unknown[0]!r}; it sees {', '.join(names)}"
            f" (for example context.thread.{unknown[0]})",
            line=_line_of(text, unknown[0]),
        )
    return template


def _check_size(tree: jinja2.nodes.Node) -> None:
    """Raise PromptError if compiling the template would take long."""
    waiting = [(tree, 0)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if depth > MAX_DEPTH:
            raise PromptError("the prompt nests too deeply", line=node.lineno)
        if nodes > MAX_NODES:
            raise PromptError(f"the prompt has more than {MAX_NODES} parts", line=node.lineno)
        waiting += ((child, depth + 1) for child in node.iter_child_nodes())


def _line_of(text: str, name: str) -> int | None:
    found = re.search(rf"\{{[{{%][^}}]{{0,200}}?\b{re.escape(name)}\b", text)
    return text.count("\n", 0, found.end()) + 1 if found else None


def _render(template: jinja2.Template, values: Mapping[str, Any]) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415  loaded already, by _compile

    pieces: list[str] = []
    length = 0
    try:
        for piece in template.generate(values):
            length += len(piece)
            if length > MAX_CHARACTERS:
                raise PromptError(f"The rendered prompt is longer than {MAX_CHARACTERS} characters; make it shorter.")
            pieces.append(piece)
    except TemplateError as exc:
        raise PromptError(f"The prompt cannot be rendered: {exc.message or type(exc).__name__}") from exc
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as exc:
        raise PromptError(f"The prompt cannot be rendered: {type(exc).__name__}: {exc}") from exc
    return "".join(pieces)


@cache
def _environment() -> jinja2.Environment:
    """Return the sandbox: no writes, no undefined names, no randomness, keys of a mapping before its methods."""
    from jinja2 import StrictUndefined  # noqa: PLC0415  see _compile
    from jinja2.exceptions import SecurityError  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    class PromptEnvironment(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            for value in (left, right):
                if not isinstance(value, (int, float)) or abs(value) > 1e12 or (operator == "**" and abs(value) > 100):
                    raise SecurityError(f"{operator} is for small numbers only")
            return super().call_binop(context, operator, left, right)

    # Constants are not folded: that takes cubic time in the depth of an expression, and gains nothing here.
    environment = PromptEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, optimized=False
    )
    del environment.filters["random"], environment.globals["lipsum"]
    return environment
