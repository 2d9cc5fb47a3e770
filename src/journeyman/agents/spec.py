"""A resolved agent definition: what `agent.yaml` says, checked, with every tool resolved; hashable by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Literal

import msgspec

from journeyman.agents.env_references import redacted_values, referenced_names, resolved_references, with_references
from journeyman.events.messages import JSON
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.events.rewriting import rewritten
from journeyman.tools.spec import ToolSpec


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`name` is a gateway's model, or `offline`, `script:FILE`, `replay:RUN`."""

    name: str
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_seconds: float | None = None
    fallbacks: tuple[str, ...] = ()  # models of the gateway, asked in order while a breaker is open
    extra: dict[str, JSON] = {}


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bounds of one run. `seconds` counts neither waiting for humans nor down time."""

    steps: int = 25  # model calls
    tool_calls: int = 50
    seconds: float = 300.0
    tokens: int = 100_000
    cost_usd: float = 1.0
    repeats: int = 0  # equal rounds of calls before the next one is refused; 0: any number, as before there was a bound


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a thread the model sees: whole turns, cut to 75 % of the window when it is full.

    What is cut is left out (`trim`), or a summary of it takes its place.
    """

    max_messages: int = 200
    max_tokens: int = 60_000  # estimated, see agents.window
    when_full: Literal["trim", "summarize"] = "trim"


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A typed answer: JSON Schema, and how often to ask again when the reply does not fit."""

    schema: dict[str, JSON]
    retries: int = 2


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node of a graph. Which fields count is the type's: `llm` prompt, model, tools; `function` call; `agent` agent;
    `approval` message; a type of a plugin reads `config`."""

    name: str
    type: str  # llm | tools | function | agent | approval | a registered type
    prompt: str | None = None  # None: the agent's
    model: ModelSettings | None = None  # None: the agent's
    tools: tuple[str, ...] | None = None  # names of the agent's tools that the model is offered; None: all of them
    call: str = ""  # module:function, beside the agent file
    code_hash: str = ""  # of the file that holds its code
    agent: str = ""
    message: str = ""
    config: dict[str, JSON] = {}
    retry: int = 0  # tries after the first
    timeout_seconds: float | None = None
    on_error: str | None = None  # the node to go to when this one failed for good
    on_unavailable: str | None = None  # the same when its service's breaker is open


class EdgeSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From one node or, as a join, from several; to one node or, as a fan-out, to several; `end` ends a branch."""

    origins: tuple[str, ...]
    targets: tuple[str, ...]
    when: str | None = None  # a CEL condition; None: otherwise


class GraphSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The graph of a `custom_react_agent`, checked: every name in it exists. Edges stand in the order of the file."""

    start: str
    nodes: tuple[NodeSpec, ...]
    edges: tuple[EdgeSpec, ...] = ()

    def node(self, name: str) -> NodeSpec | None:
        return next((node for node in self.nodes if node.name == name), None)


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a run of this agent depends on."""

    type: str
    name: str
    model: ModelSettings
    description: str = ""
    prompt: str = ""
    prompt_is_text: bool = False  # it came with a request, and is no template
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    quota: Quota = UNLIMITED  # of all its runs together
    history: History = History()
    output: Output | None = None
    graph: GraphSpec | None = None
    variables: dict[str, str] = {}  # of the environment, whose values may stand in its texts; never stored with them

    def encode(self) -> bytes:
        """The definition as canonical JSON. A variable's value (8 characters or more) stands there as `${NAME}`."""
        plain = self.without_variables()
        if self.variables:
            texts, used = with_references(msgspec.to_builtins(plain), self.variables)
            if used:
                return msgspec.json.encode(texts | {"variables": used}, order="deterministic")
        return msgspec.json.encode(plain, order="deterministic")

    @classmethod
    def decode(cls, data: bytes, environment: Mapping[str, str]) -> AgentSpec:
        """The inverse, with the variables' values of now; earlier releases stored the values themselves.

        Raises ConfigurationError (a variable is not set) and msgspec.MsgspecError.
        """
        texts = msgspec.json.decode(data)
        names = texts.pop("variables", ())
        if not names:
            return msgspec.json.decode(data, type=cls)
        variables = referenced_names(names, environment)
        spec = msgspec.json.decode(msgspec.json.encode(resolved_references(texts, variables)), type=cls)
        return msgspec.structs.replace(spec, variables=variables)

    def shown(self) -> AgentSpec:
        """For people: `${NAME}` where a variable's value stands."""
        if not self.variables:
            return self
        spec: AgentSpec = rewritten(self.without_variables(), partial(redacted_values, variables=self.variables))
        return spec

    def without_variables(self) -> AgentSpec:
        """The same texts, without a word of where they are from."""
        return msgspec.structs.replace(self, variables={}) if self.variables else self

    @property
    def version(self) -> str:
        """Content hash: 16 hexadecimal digits of the SHA-256 of the canonical JSON; so no value of a variable."""
        return hashlib.sha256(self.encode()).hexdigest()[:16]

    def tool(self, name: str) -> ToolSpec | None:
        return next((tool for tool in self.tools if tool.name == name), None)
