"""What is counted, logged and traced of what the parts report."""

from __future__ import annotations

from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, GraphSpec, ModelSettings, NodeSpec
from journeyman.agents.toolset import Toolset
from journeyman.clock import ManualClock
from journeyman.events.codec import Codec
from journeyman.events.events import ToolCallFinished
from journeyman.events.fold import AgentState
from journeyman.resilience.signals import CallRefused
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.server.facts import FactHub
from journeyman.server.observers import Observers, models_of, tool_durations, tracing
from journeyman.telemetry.metrics.recorders import LabelNames
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.tool import tool


@tool(effects="none")
async def look() -> str:
    """Look."""
    return ""


def served(spec: AgentSpec) -> AgentRegistry:
    return AgentRegistry({spec.name: ReactAgent(spec, Toolset((), lambda name, given: {}), lambda state: "")})


async def test_facts_of_the_hub_are_counted() -> None:
    registry, hub = ToolRegistry(), FactHub()
    await registry.register_tool(look)
    names = LabelNames(models=lambda agent: (), is_service=lambda name: name == "shop")
    observers = Observers(registry, ManualClock(), names)
    observers.subscribe(hub)
    finished = ToolCallFinished(call="m1.0", call_id="c", tool="look", result="", duration_ms=20.0, attempts=1)
    hub.run_committed(AgentState(run_id="run_1"), [Codec().draft(finished)])
    hub.signalled(CallRefused("shop", "", "service_throttled", 1.0))
    assert registry.get_metrics()["look"]["calls"] == 1
    assert sum(tool_durations(registry)["look"].counts) == 1
    assert observers.server.refused.read().samples == {("shop", "service_throttled"): 1}


def test_the_models_of_an_agent_are_its_own_its_fallbacks_and_its_nodes() -> None:
    nodes = (NodeSpec(name="a", type="llm", model=ModelSettings(name="small")), NodeSpec(name="b", type="llm"))
    model = ModelSettings(name="big", fallbacks=("middle",))
    spec = AgentSpec(type="custom_react_agent", name="g", model=model, graph=GraphSpec(start="a", nodes=nodes))
    assert models_of(served(spec), "g") == ("big", "middle", "small")
    assert models_of(served(spec), "nobody") == models_of(served(spec), None) == ()


def test_traces_are_exported_only_where_they_are_asked_for() -> None:
    assert tracing({}) == (None, ())
    address = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    traces, problems = tracing(address)
    assert traces is not None
    assert problems == ()
    _, problems = tracing({**address, "OTEL_TRACES_EXPORTER": "zipkin"})
    assert [problem.severity for problem in problems] == ["warning"]
