from __future__ import annotations

from journeyman.agents.graph.walkthrough import EvaluatedCondition, TraceStep, execution_trace
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec
from journeyman.events.events import (
    BranchEnded,
    ContextChanged,
    Event,
    Failure,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Path,
    RunAccepted,
    RunStarted,
)
from journeyman.events.messages import ToolCall, Usage, assistant, user

GRAPH = GraphSpec(
    start="work",
    nodes=(
        NodeSpec(name="work", type="llm"),
        NodeSpec(name="act", type="tools"),
        NodeSpec(name="a", type="function", retry=1, on_error="b", on_unavailable="work"),
        NodeSpec(name="b", type="llm"),
    ),
    edges=(
        EdgeSpec(origins=("work",), targets=("act",), when="state.tool_calls.size() > 0"),
        EdgeSpec(origins=("work",), targets=("a", "b"), when="context.thread.score > 1"),
        EdgeSpec(origins=("work",), targets=("end",)),
        EdgeSpec(origins=("a", "b"), targets=("end",)),
        EdgeSpec(origins=("act",), targets=("work",)),
    ),
)


def entered(node: str, branch: str = "", visit: int = 1, **more: int) -> NodeEntered:
    return NodeEntered(call=f"{node}#{visit}", path=Path(branch, node, visit), **more)  # type: ignore[arg-type]


def left(node: str, branch: str = "", visit: int = 1, **more: object) -> NodeLeft:
    return NodeLeft(call=f"{node}#{visit}", path=Path(branch, node, visit), **more)  # type: ignore[arg-type]


def said(text: str, path: Path, *calls: ToolCall) -> ModelReplied:
    return ModelReplied(call="m1", model="m", message=assistant(text, *calls), usage=Usage(), path=path)


def steps(*events: Event) -> list[TraceStep]:
    begin = (RunAccepted(thread="me/t", principal="me", input=user("hi")), RunStarted(epoch=1))
    return list(execution_trace(GRAPH, ((seq, seq, event) for seq, event in enumerate((*begin, *events), 1))))


def test_what_was_asked_until_an_edge_matched() -> None:
    first, act, second, b = steps(
        entered("work"),
        said("", Path("", "work"), ToolCall("c", "look", "{}")),
        left("work"),
        entered("act"),
        left("act"),
        ContextChanged(scope="thread", patch={"score": 2}),
        entered("work", visit=2),
        said("done", Path("", "work", 2)),
        left("work", visit=2),
        entered("a", "work#2.0"),
        entered("b", "work#2.1"),
        left("b", "work#2.1"),
        BranchEnded(path=Path("work#2.1", "b"), to="end", edge=3),
    )
    calls = [{"name": "look", "arguments": {}}]
    assert first == TraceStep(
        node="work",
        type="llm",
        asked=(EvaluatedCondition("state.tool_calls.size() > 0", {"state.tool_calls": calls}, True),),
        to=("act",),
    )
    assert (act.type, act.to, act.asked) == ("tools", ("work",), ())
    assert second.asked == (
        EvaluatedCondition("state.tool_calls.size() > 0", {"state.tool_calls": []}, False),
        EvaluatedCondition("context.thread.score > 1", {"context.thread.score": 2}, True),
    )
    assert (second.visit, second.to) == (2, ("a", "b"))
    assert (b.branch, b.node, b.to) == ("work#2.1", "b", ("end",))


def test_a_condition_without_an_answer_leads_nowhere() -> None:
    (step,) = steps(entered("work"), said("done", Path("", "work")), left("work"))
    assert step.to == ()
    assert (step.asked[1].held, step.asked[1].values) == (None, {})
    assert "there is no 'score'" in step.asked[1].reason


def test_a_failed_node_is_retried_or_takes_its_failure_edge() -> None:
    failed = (left("a", error=Failure("tool_failed", "no")), left("a", attempt=2, error=Failure("tool_failed", "no")))
    events = (entered("a"), failed[0], entered("a", attempt=2), failed[1])
    first, second = steps(*events)
    assert (first.error, first.asked, first.to) == ("tool_failed: no", (), ("a",))
    assert (second.attempt, second.to) == (2, ("b",))
    (away,) = steps(entered("a"), left("a", error=Failure("circuit_open", "no")))
    assert away.to == ("work",)
    (lost,) = steps(entered("b"), left("b", error=Failure("tool_failed", "no")))
    assert lost.to == ()
