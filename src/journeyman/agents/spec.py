"""AgentSpec: the definition of an agent, checked, with its tools resolved. Its version is a hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Literal

import msgspec

from journeyman.agents.env_references import redacted_text, resolved_references, variable_values, with_references
from journeyman.errors import ConfigurationError
from journeyman.events.events import Answerer
from journeyman.events.messages import JSON
from journeyman.events.model_request import Api
from journeyman.events.quota import UNLIMITED, Quota
from journeyman.events.rewriting import rewritten
from journeyman.tools.spec import StoredTool, ToolSpec

Reaction = Literal["answer", "stop"]


class NewerDefinitionError(ConfigurationError):
    """A stored definition was written by a later release. Its run is left for that release to continue."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A model and its settings. `name` is a model of the gateway, or `offline`, `script:FILE`, `replay:RUN`."""

    name: str
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_seconds: float | None = None
    fallbacks: tuple[str, ...] = ()  # models of the gateway, tried in order while a circuit breaker is open
    extra: dict[str, JSON] = {}
    gateway: str = ""  # its name in `gateways` of the agent files; empty: that of the settings
    fallback_gateways: tuple[str, ...] = ()  # of each fallback; empty: all have the gateway of the model
    api: Api = "auto"

    def targets(self) -> tuple[tuple[str, str], ...]:
        """Return the model and its fallbacks, each as a gateway's name and a model's name."""
        gateways = self.fallback_gateways or (self.gateway,) * len(self.fallbacks)
        return ((self.gateway, self.name), *zip(gateways, self.fallbacks, strict=True))


class LimitAsk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """At a limit, ask a human whether the run may go on with a higher one. At `up_to` the run stops."""

    ask: bool  # always true: it names the form
    up_to: float | None = None  # None: twice the limit
    by: Answerer = "anyone"


class OnReached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a run does at each of its limits.

    `answer`: it asks the model once more, without tools. `stop`: it ends. `LimitAsk`: it asks a human. The limit of
    time never asks: it is there to stop work that hangs.
    """

    steps: Reaction | LimitAsk = "answer"
    tool_calls: Reaction | LimitAsk = "answer"
    seconds: Reaction = "stop"
    tokens: Reaction | LimitAsk = "stop"
    cost_usd: Reaction | LimitAsk = "stop"
    repeats: Reaction | LimitAsk = "answer"


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The limits of one run. `seconds` counts neither waiting for humans nor down time.

    The defaults are those of definitions that 0.1 stored, which have no `on_reached`: a run stops at every limit, and
    `tokens` counts all tokens. With `on_reached`, `tokens` does not count input tokens that a prompt cache had.
    """

    steps: int = 25  # model calls
    tool_calls: int = 50
    seconds: float = 300.0
    tokens: int | None = 100_000  # None: no limit
    cost_usd: float = 1.0
    repeats: int = 0  # equal rounds of calls after which the next one is rejected; 0: no limit, as in older definitions
    on_reached: OnReached | None = None

    @property
    def count_uncached(self) -> bool:
        """Whether input tokens that a prompt cache had do not count."""
        return self.on_reached is not None


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much of a thread the model sees: whole turns, cut to 75 % of the window when it is full.

    Messages that are cut are left out (`trim`), or replaced by a summary (`summarize`).
    """

    max_messages: int = 200
    max_tokens: int = 60_000  # estimated, see agents.history_window
    when_full: Literal["trim", "summarize"] = "trim"
    clock: bool = False  # the message that starts a run says when it was sent


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A typed answer: its JSON Schema, and how often the model is asked again if its reply does not fit.

    `mode` is how the model learns the schema. Definitions of release 0.1 have none: they send it to the gateway, and
    take a reply only as it is.
    """

    schema: dict[str, JSON]
    retries: int = 2
    mode: Literal["", "auto", "schema", "json", "prompt"] = ""


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A node of a graph. Each type uses some of the fields.

    `llm`: prompt, model and tools; `function`: call; `agent`: agent; `approval`: message; a registered type: config.
    """

    name: str
    type: str  # llm | tools | function | agent | approval | a registered type
    prompt: str | None = None  # None: that of the agent
    model: ModelSettings | None = None  # None: that of the agent
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


class EdgeSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An edge of a graph. Several origins are a join, several targets a fan-out; the target `end` ends a branch."""

    origins: tuple[str, ...]
    targets: tuple[str, ...]
    when: str | None = None  # a CEL condition; None: taken if no edge before it is


class GraphSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The graph of an agent, checked: every name in it exists. Edges have the order of the file."""

    start: str
    nodes: tuple[NodeSpec, ...]
    edges: tuple[EdgeSpec, ...] = ()

    def node(self, name: str) -> NodeSpec | None:
        """Return the node of this name, or None."""
        return next((node for node in self.nodes if node.name == name), None)


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The definition of an agent: all that a run of it depends on."""

    type: str
    name: str
    model: ModelSettings
    description: str = ""
    prompt: str = ""
    prompt_is_text: bool = False  # it came with a request, so it is not a template
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    quota: Quota = UNLIMITED  # of all its runs together
    history: History = History()
    output: Output | None = None
    graph: GraphSpec | None = None
    variables: dict[str, str] = {}  # name -> value of environment variables used in its texts; values are not stored

    def encode(self) -> bytes:
        """Return the definition as canonical JSON. A variable's value (8 characters or more) is stored as `${NAME}`."""
        stored = self.stored()
        if self.variables:
            texts, used = with_references(msgspec.to_builtins(stored), self.variables)
            if used:
                return msgspec.json.encode(texts | {"variables": used}, order="deterministic")
        return msgspec.json.encode(stored, order="deterministic")

    @classmethod
    def decode(cls, data: bytes, environment: Mapping[str, str]) -> AgentSpec:
        """Return the definition that `encode` wrote, with the current values of its variables.

        Definitions of early releases hold the values themselves, and are read as they are.

        Raises ConfigurationError (a variable is not set), NewerDefinitionError (a later release wrote it) and
        msgspec.DecodeError (it is no JSON).
        """
        document = msgspec.json.decode(data)
        names = document.pop("variables", ())
        if not names:
            return cls.from_stored(document)
        variables = variable_values(names, environment)
        spec = cls.from_stored(resolved_references(document, variables))
        return msgspec.structs.replace(spec, variables=variables)

    def stored(self) -> msgspec.Struct:
        """Return the definition in its stored form, ready to be encoded: tools are flat, variables are left out."""
        tools = tuple(StoredTool.of(tool) for tool in self.tools)
        return msgspec.structs.replace(self, variables={}, tools=tools)

    @classmethod
    def from_stored(cls, document: dict[str, JSON]) -> AgentSpec:
        """Return the definition in `document`, which is the decoded JSON of a stored form.

        Raises NewerDefinitionError if a key is unknown or a value does not fit: a later release wrote it.
        """
        unknown = set(document.get("quota", ())) - set(Quota.__struct_fields__)  # API keys hold quotas too
        if unknown:
            raise NewerDefinitionError(f"The quota of a stored definition has the unknown key {min(unknown)!r}.")
        try:
            stored = msgspec.convert(document.get("tools", ()), tuple[StoredTool, ...])
            spec = msgspec.convert({**document, "tools": ()}, cls)
        except msgspec.ValidationError as exc:
            raise NewerDefinitionError(f"A stored definition cannot be read by this release: {exc}.") from exc
        return msgspec.structs.replace(spec, tools=tuple(tool.spec() for tool in stored))

    def shown(self) -> AgentSpec:
        """Return the definition for people, with `${NAME}` in the place of the values of variables."""
        if not self.variables:
            return self
        spec: AgentSpec = rewritten(self.without_variables(), partial(redacted_text, variables=self.variables))
        return spec

    def without_variables(self) -> AgentSpec:
        """Return the definition with the same texts, but without the names of the variables in them."""
        return msgspec.structs.replace(self, variables={}) if self.variables else self

    @property
    def version(self) -> str:
        """The content hash: 16 hexadecimal digits of the SHA-256 of `encode()`, so values of variables do not count."""
        return hashlib.sha256(self.encode()).hexdigest()[:16]

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return all models that a run may ask, each once, as a gateway's name and a model's name."""
        nodes = self.graph.nodes if self.graph else ()
        settings = (self.model, *(node.model for node in nodes if node.model))
        return tuple(dict.fromkeys(target for each in settings for target in each.targets()))

    def tool(self, name: str) -> ToolSpec | None:
        """Return the tool of this name, or None."""
        return next((tool for tool in self.tools if tool.name == name), None)
