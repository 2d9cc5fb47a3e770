"""The pydantic model of an agent file, key by key, and its JSON Schema for editors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError

from journeyman.agents.spec import History, Limits, Reaction
from journeyman.events.messages import JSON
from journeyman.events.model_request import Api
from journeyman.tools.spec import CacheTtl, Sandbox

DAY = 86_400
MAX_NODES = 100  # of a graph
MAX_EDGES = 400
LIST_TAG, MAPPING_TAG = "[list]", "[mapping]"  # in the location of an error, of a key that may be either
MAX_BRANCHES = 32  # of a fan-out or a join

_LIMITS = Limits()
_HISTORY = History()

Seconds = Annotated[float, Field(gt=0, le=DAY)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$")]
Text = Annotated[str, Field(max_length=100_000)]


def _cache_ttl(value: Any) -> CacheTtl:
    if value == "default":
        return "default"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticKnownError("float_type")
    if not 0 <= value <= 30 * DAY:
        raise PydanticCustomError("cache_ttl", "it is from 0 to 2592000 seconds, or default")
    return float(value)


# A validator instead of a union, whose errors would name its members as if they were keys of the file.
CacheSeconds = Annotated[
    float | Literal["default"],
    PlainValidator(_cache_ttl),
    WithJsonSchema({"anyOf": [{"const": "default"}, {"type": "number", "minimum": 0, "maximum": 30 * DAY}]}),
]
RateText = Annotated[str, Field(min_length=1, max_length=40, description="10/second, 100/minute, 100/60s")]


class FileEntry(BaseModel):
    """A part of the file. Values are not converted, and unknown keys are errors."""

    model_config = ConfigDict(defer_build=True, strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class NamedEntry(FileEntry):
    """A part of the file that may be written as its name alone."""

    name: str = Field(min_length=1, max_length=200, description="Its name")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler.resolve_ref_schema(handler(schema))]}


class FallbackEntry(NamedEntry):
    """A model to ask while that of the agent is not available. May be written as its name alone."""

    gateway: Name | None = Field(default=None, description="A name under `gateways`; default: that of the model")


class ModelEntry(NamedEntry):
    """A model of a gateway, or `offline`, `script:FILE`, `replay:RUN`."""

    gateway: Name | None = Field(default=None, description="A name under `gateways`; default: LITELLM_GATEWAY_URL")

    temperature: float | None = Field(
        default=None, ge=0, le=2, description="How much the replies vary; default: that of the model"
    )
    max_tokens: int | None = Field(
        default=None, ge=1, le=10_000_000, description="The longest reply; default: that of the model"
    )
    timeout_seconds: Seconds | None = Field(
        default=None, description="Longest silence of a call; default: TIMEOUT_SECONDS"
    )
    fallbacks: list[FallbackEntry] = Field(
        default=[], max_length=8, description="Models of gateways to ask, in order, while a circuit breaker is open"
    )
    extra: dict[str, Any] = Field(default={}, description="Passed on to the gateway unchanged")
    api: Api = Field(
        default="auto",
        description="auto: chat completions, and the Responses API for a model that asks for it",
    )
    vision: bool | Literal["auto"] = Field(
        default="auto", description="Whether the model takes pictures and PDF; auto: they are sent until it refuses"
    )


class PermissionsEntry(FileEntry):
    """What a tool may reach: a part of what its code declares."""

    network: list[str] | None = Field(default=None, description="Hosts, such as api.shop.example or *.shop.example")
    files: list[str] | None = Field(default=None, description="Paths, with all below them")
    env: list[str] | None = Field(default=None, description="Environment variables of the server")


class ApprovalEntry(FileEntry):
    """When a human is asked, who may answer, and the answer at the deadline. May be written as `when` alone."""

    when: str | None = Field(
        default=None, min_length=1, description="never, always or a CEL condition; default: that of the code, or always"
    )
    by: Literal["anyone", "other"] = Field(default="anyone", description="other: not the principal whose run asks")
    deadline_seconds: float | None = Field(
        default=None, gt=0, le=366 * DAY, description="How long the approval may be answered; default: without end"
    )
    default: Literal["approve", "deny"] | None = Field(
        default=None, description="Answer at the deadline; default: deny"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_condition(cls, value: Any) -> Any:
        return {"when": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler.resolve_ref_schema(handler(schema))]}


class ToolEntry(NamedEntry):
    """A tool of the tools folder, and what this agent changes of it."""

    description: Text | None = Field(
        default=None, description="What the model reads instead of the tool's own description"
    )
    arguments: dict[str, dict[str, Any]] | None = Field(
        default=None, description="Argument name -> JSON Schema that replaces parts of the code's, never wider"
    )
    required: list[str] | None = Field(default=None, description="Arguments that are required beside those of the tool")
    effects: Literal["none", "idempotent", "once"] | None = Field(
        default=None,
        description="Stricter than in the code. none: a lookup; idempotent: may be repeated; once: never unasked",
    )
    approval: ApprovalEntry | None = Field(default=None, description="When a human is asked before a call")
    timeout_seconds: Seconds | None = Field(default=None, description="Of one call")
    retries: int | None = Field(default=None, ge=0, le=20, description="Tries after the first; not for effects once")
    isolation: Literal["inline", "process"] | None = Field(
        default=None, description="inline: on the server's event loop; process: in a worker process"
    )
    on_unknown: Literal["ask", "tell"] | None = Field(
        default=None,
        description="After a crash during a call with effects once, ask a human what happened, or tell the model",
    )
    permissions: PermissionsEntry | None = Field(
        default=None, description="What the tool may reach, never more than in its code"
    )
    cache_ttl: CacheSeconds | None = Field(default=None, description="Only for effects none; default: CACHE_TTL")
    rate_limit: RateText | None = Field(default=None, description="How often it is called, of all runs together")


class McpServerEntry(FileEntry):
    """An MCP server: a stdio `command`, or a streamable HTTP `url`. Its tools are named `server__tool`."""

    command: list[str] | None = Field(
        default=None, min_length=1, max_length=100, description="Program and arguments, without a shell"
    )
    env: dict[str, str] = Field(default={}, description="Variables added to a minimal environment of the command")
    cwd: str | None = Field(default=None, description="Within the folder of the agent file; default: that folder")
    sandbox: Literal["off", "best"] = Field(
        default="best", description="best: a `command` finds the server's journal, `.env` and key files empty"
    )
    url: str | None = Field(
        default=None, max_length=2000, description="Address of a streamable HTTP server, instead of `command`"
    )
    headers: dict[str, str] = Field(
        default={}, max_length=50, description="Sent with each request to `url`; values may be ${NAME}"
    )
    timeout_seconds: Seconds | None = Field(default=None, description="Of each call of its tools")
    tools: list[str] | None = Field(default=None, max_length=200, description="Only these, by their own names")


class LimitAskEntry(FileEntry):
    """At a limit, ask a human whether the run may go on. May be written as `ask` alone."""

    ask: Literal[True] = Field(description="Ask a human")
    up_to: float | None = Field(
        default=None, gt=0, le=10**9, description="The highest value of the limit; default: twice the limit"
    )
    by: Literal["anyone", "other"] = Field(default="anyone", description="other: not the principal whose run asks")


def _reaction(value: Any) -> Reaction | LimitAskEntry:
    """Return what a run does at a limit. The errors of a mapping name its keys."""
    if isinstance(value, dict):
        return LimitAskEntry.model_validate(value)
    if value == "ask":
        return LimitAskEntry(ask=True)
    return _final_reaction(value, "'answer', 'stop' or 'ask'")


def _reaction_to_time(value: Any) -> Reaction:
    if value == "ask" or isinstance(value, dict):
        message = "no human is asked at the limit of time, which stops work that hangs"
        raise PydanticCustomError("ask_seconds", message)
    return _final_reaction(value, "'answer' or 'stop'")


def _final_reaction(value: Any, expected: str) -> Reaction:
    if value == "answer":
        return "answer"
    if value == "stop":
        return "stop"
    raise PydanticKnownError("literal_error", {"expected": expected})


# Validators instead of unions, as for CacheSeconds.
AnyReaction = Annotated[
    Any,
    PlainValidator(_reaction, json_schema_input_type=Literal["answer", "stop", "ask"] | LimitAskEntry),
]
FinalReaction = Annotated[
    Any,
    PlainValidator(_reaction_to_time, json_schema_input_type=Literal["answer", "stop"]),
]


class OnReachedEntry(FileEntry):
    """What a run does at each of its limits.

    `answer`: it asks the model once more, without tools. `stop`: it ends. `ask`: it asks a human whether it may go on.
    """

    steps: AnyReaction = Field(default="answer", description="At the limit of model calls")
    tool_calls: AnyReaction = Field(default="answer", description="At the limit of tool calls")
    seconds: FinalReaction = Field(default="stop", description="At the limit of time")
    tokens: AnyReaction = Field(default="stop", description="At the limit of tokens")
    cost_usd: AnyReaction = Field(default="stop", description="At the limit of dollars")
    repeats: AnyReaction = Field(default="answer", description="At the limit of equal rounds")


class LimitsEntry(FileEntry):
    """Limits of one run."""

    steps: int = Field(default=_LIMITS.steps, ge=1, le=10_000, description="Model calls")
    tool_calls: int = Field(default=_LIMITS.tool_calls, ge=0, le=100_000, description="Tool calls")
    seconds: float = Field(
        default=_LIMITS.seconds,
        gt=0,
        le=30 * DAY,
        description="Time in which the run works; waits for a human do not count",
    )
    tokens: int | None = Field(
        default=1_000_000, ge=1, le=10**9, description="Input that no prompt cache had, and output; null: no limit"
    )
    cost_usd: float = Field(default=_LIMITS.cost_usd, ge=0, le=10**6, description="Dollars")
    repeats: int = Field(
        default=10,
        ge=0,
        le=1000,
        description="Rounds with the same calls and results, after which they are refused; 0: no limit",
    )
    on_reached: OnReachedEntry = Field(default=OnReachedEntry(), description="What the run does at each limit")


class QuotaEntry(FileEntry):
    """Limits of all runs of the agent together. A day begins at midnight UTC."""

    tokens_per_day: int | None = Field(default=None, ge=0, le=10**15, description="Tokens of all its runs")
    usd_per_day: float | None = Field(default=None, ge=0, le=10**9, description="Dollars of all its runs")
    concurrent_runs: int | None = Field(default=None, ge=1, le=10_000, description="Runs that are queued or running")


class HistoryEntry(FileEntry):
    """How much of a thread the model sees."""

    max_messages: int = Field(
        default=_HISTORY.max_messages, ge=1, le=10_000, description="The newest messages that the model sees"
    )
    max_tokens: int = Field(
        default=_HISTORY.max_tokens, ge=100, le=10_000_000, description="The newest messages, by their estimated tokens"
    )
    when_full: Literal["trim", "summarize"] = Field(
        default="trim", description="trim: leave the oldest out; summarize: let the model write a summary of them"
    )
    clock: bool = Field(default=False, description="Tell the model when each message that started a run was sent")


class OutputEntry(FileEntry):
    """A typed answer."""

    json_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema of the answer")
    retries: int = Field(
        default=2, ge=0, le=10, description="How often the model may correct an answer that does not fit the schema"
    )
    mode: Literal["auto", "schema", "json", "prompt"] = Field(
        default="auto", description="How the model learns the schema"
    )


class BasicEntry(FileEntry):
    """A user and a password of HTTP Basic authentication."""

    user: str = Field(min_length=1, max_length=1000, description="The user; may be ${NAME}")
    password: str = Field(default="", max_length=4096, description="Without one, the user is the credential")


class AuthEntry(FileEntry):
    """A credential for an API: `header` or `query` with `value`, or `bearer`, or `basic`."""

    header: str | None = Field(default=None, min_length=1, max_length=100, description="Name of a header")
    query: str | None = Field(default=None, min_length=1, max_length=100, description="Name of a query parameter")
    value: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="Value of the header or query parameter, written as ${NAME}",
    )
    bearer: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="A token, sent as `Authorization: Bearer`, written as ${NAME}",
    )
    basic: BasicEntry | None = Field(default=None, description="User and password")


def _list_or_mapping(value: Any) -> str:
    return LIST_TAG if isinstance(value, list) else MAPPING_TAG


# With a discriminator, an error has one of these tags in its location, and not the names of all members of the union.
Auth = Annotated[
    Annotated[AuthEntry, Tag(MAPPING_TAG)]
    | Annotated[list[AuthEntry], Field(min_length=1, max_length=10), Tag(LIST_TAG)],
    Discriminator(_list_or_mapping),
]


class OpenApiEntry(FileEntry):
    """Operations of an OpenAPI document (3.0 or 3.1, YAML or JSON, beside the agent file) as tools."""

    document: str = Field(
        min_length=1, max_length=500, description="Path of the document, within the folder of the agent file"
    )
    operations: list[str] = Field(min_length=1, max_length=100, description="operationIds, or METHOD /path")
    server: str | None = Field(default=None, min_length=1, description="Default: the document's first server")
    auth: Auth | None = Field(default=None, description="One credential, or a list of them")


class GatewayEntry(FileEntry):
    """An OpenAI-compatible server. The key is sent as Bearer, or in the header or query parameter that is named."""

    url: str = Field(min_length=1, max_length=2000, description="Its base, or the whole URL of /chat/completions")
    key: str | None = Field(default=None, max_length=4096, description="Written as ${NAME}")
    header: str | None = Field(default=None, min_length=1, max_length=100, description="Header of the key: api-key")
    query: str | None = Field(default=None, min_length=1, max_length=100, description="Query parameter of the key")


class TimeoutEntry(FileEntry):
    """Timeouts of one try, in seconds."""

    connect: Seconds | None = Field(default=None, description="To connect")
    first_byte: Seconds | None = Field(default=None, description="To the first byte of the answer")
    idle: Seconds | None = Field(default=None, description="Between two bytes of the answer")
    total: Seconds | None = Field(default=None, description="From the first to the last byte")


class BreakerEntry(FileEntry):
    """A circuit breaker: after how many failures it opens, and for how long."""

    failures: int | None = Field(default=None, ge=1, le=1000, description="that open it, within `window_seconds`")
    open_seconds: float | None = Field(default=None, gt=0, le=3600, description="How long it stays open")
    window_seconds: float | None = Field(default=None, gt=0, le=86_400, description="How long a failure counts")


class ServiceEntry(FileEntry):
    """How calls to one outside service are limited, retried and timed."""

    match: str = Field(min_length=1, max_length=500, description="An origin, `gateway`, `gateway:NAME`, or `mcp:NAME`")
    max_connections: int | None = Field(default=None, ge=1, le=10_000, description="Calls under way at once")
    rate_limit: RateText | None = Field(default=None, description="Requests to the service")
    retries: int | None = Field(default=None, ge=0, le=20, description="after the first try")
    timeout: TimeoutEntry = Field(default=TimeoutEntry(), description="Timeouts of one try, in seconds")
    breaker: BreakerEntry = Field(default=BreakerEntry(), description="When calls stop for a while")


def _names(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PydanticCustomError("node_names", "it is a node's name or a list of them")
    if not 1 <= len(names) <= MAX_BRANCHES:
        raise PydanticCustomError("node_names", f"it names 1 to {MAX_BRANCHES} nodes")
    return tuple(names)


NodeName = Annotated[str, Field(min_length=1, max_length=64)]
NodeNames = Annotated[
    tuple[str, ...],
    PlainValidator(_names),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_BRANCHES},
            ]
        }
    ),
]


class NodeEntry(FileEntry):
    """A node of a graph. Its type decides which keys it takes."""

    type: str = Field(min_length=1, max_length=200, description="llm, tools, function, agent, approval, or registered")
    prompt: Text | None = Field(default=None, description="llm: instead of that of the agent")
    model: ModelEntry | None = Field(default=None, description="llm: instead of that of the agent")
    tools: list[str] | None = Field(default=None, max_length=200, description="llm: only these tools of the agent")
    call: str | None = Field(default=None, min_length=1, max_length=200, description="function: module:function")
    agent: str | None = Field(default=None, min_length=1, max_length=64, description="agent: another agent's name")
    message: str | None = Field(default=None, min_length=1, max_length=10_000, description="approval: what is asked")
    config: dict[str, Any] | None = Field(default=None, description="registered types: passed on unchanged")
    retry: int | None = Field(default=None, ge=0, le=20, description="tries after the first")
    timeout_seconds: Seconds | None = Field(default=None, description="of one try")
    on_error: NodeName | None = Field(default=None, description="Node to go to after the last failed try")
    on_unavailable: NodeName | None = Field(default=None, description="Node to go to while its breaker is open")


class EdgeEntry(FileEntry):
    """An edge. Several nodes in `from` are a join, several in `to` a fan-out."""

    origins: NodeNames = Field(alias="from", description="A node, or several that are joined")
    targets: NodeNames = Field(alias="to", description="`end` ends the branch")
    when: str | None = Field(default=None, min_length=1, max_length=1000, description="A condition in CEL")


class GraphEntry(FileEntry):
    """The graph of a `custom_react_agent`."""

    start: NodeName = Field(description="The node where a run begins")
    nodes: dict[str, NodeEntry] = Field(min_length=1, max_length=MAX_NODES, description="Name -> node")
    edges: list[EdgeEntry] = Field(min_length=1, max_length=MAX_EDGES, description="Which node follows which")


class AgentFile(FileEntry):
    """An agent of Journeyman."""

    type: str = Field(min_length=1, max_length=200, description="react_agent, module:Class or a plugin's type")
    name: Name | None = Field(default=None, description="Default: the file's stem")
    description: Text = Field(default="", description="What the agent does, for people and for agents that call it")
    prompt: Text = Field(default="", description="Jinja2; sees context.thread, context.global, agent and now")
    model: ModelEntry | None = Field(default=None, description="The model, or its name alone; default: DEFAULT_MODEL")
    tools: list[ToolEntry] = Field(
        default=[],
        max_length=200,
        description="Tools that the agent may call, by name, or with what it changes of them",
    )
    openapi: dict[str, OpenApiEntry] = Field(default={}, max_length=20, description="Tools named `key__operationId`")
    mcp_servers: dict[str, McpServerEntry] = Field(
        default={}, max_length=20, description="Name -> MCP server whose tools the agent may call"
    )
    limits: LimitsEntry = Field(default=LimitsEntry(), description="Limits of one run")
    quota: QuotaEntry = Field(default=QuotaEntry(), description="Limits of all its runs together")
    history: HistoryEntry = Field(default=HistoryEntry(), description="How much of a thread the model sees")
    output: OutputEntry | None = Field(default=None, description="A typed answer")
    gateways: dict[Name, GatewayEntry] = Field(
        default={}, max_length=20, description="Servers of models, beside LITELLM_GATEWAY_URL"
    )
    services: dict[Name, ServiceEntry] = Field(
        default={}, max_length=100, description="Name -> how calls to an outside service are limited, retried and timed"
    )
    sandbox: Sandbox = Field(default="best", description="What the worker processes of its tools must have")
    graph: GraphEntry | None = Field(default=None, description="Of a custom_react_agent: its nodes and edges")


def agent_file_schema() -> dict[str, JSON]:
    """Return the JSON Schema (2020-12) of an agent file, for editors."""
    schema = AgentFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "agent.yaml"}
