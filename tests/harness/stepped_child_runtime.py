"""A stepped runtime with a parent agent that starts child runs in rounds and answers with their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from journeyman.agents.agent import BaseAgent
from journeyman.agents.decision import Action, AwaitChild, Finish
from journeyman.agents.limits import exceeded
from journeyman.agents.react import ReactAgent
from journeyman.agents.spec import AgentSpec, Limits, ModelSettings
from journeyman.agents.toolset import Toolset
from journeyman.events.child_runs import ChildState
from journeyman.events.fold import AgentState
from journeyman.events.messages import Usage
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.runtime.served.agents import AgentRegistry
from tests.harness.stepped_runtime import SPECS, SteppedRuntime, check

Rounds = Sequence[Sequence[str]]

# What a kind of child does: a foreman starts children of these kinds, another agent calls these tools.
FOREMEN: dict[str, Rounds] = {"boss": (("asker", "worker"),), "chief": (("boss",),), "loop": (("loop",),)}
WORKERS: dict[str, Rounds] = {
    "worker": (),
    "looker": (("look",),),
    "asker": (("look_asked",),),
    "payer": (("pay_asked",), ("look",)),
}


class ParentPlans(dict[str, Rounds]):
    """By a run's text. That of a child is `<its parent's>/<round>.<place> <kind>`."""

    def __missing__(self, text: str) -> Rounds:
        kind = text.rpartition(" ")[2]
        return FOREMEN.get(kind) or WORKERS[kind]


class ParentAgent(BaseAgent):
    """Starts the children of a round side by side, and the next round when all of them are over."""

    type = "foreman"
    plans = ParentPlans()

    def decide(self, state: AgentState) -> tuple[Action, ...]:
        if state.limit is not None:
            return (Finish(output="stopped", stopped_by=state.limit.limit),)
        known = {child.call: child for child in state.children}
        text = state.input.text if state.input else ""
        for number, kinds in enumerate(self.plans[text]):
            steps = [(f"n{number}.{place}", kind) for place, kind in enumerate(kinds)]
            wanted = [
                self._start(call, kind, text, known.get(call)) for call, kind in steps if _is_due(known.get(call))
            ]
            if wanted:
                limit = exceeded(state, self.spec.limits)
                return (limit,) if limit else tuple(wanted)
            if any(known[call].status == "open" for call, _ in steps):
                return ()
        return (Finish(output=" + ".join(map(_said, state.children))),)

    def _start(self, call: str, kind: str, text: str, before: ChildState | None) -> Action:
        agent = "foreman" if kind in FOREMEN else "test" if kind in WORKERS else kind
        attempt = before.attempt + 1 if before else 1
        return AwaitChild(call=call, agent=agent, input=f"{text}/{call[1:]} {kind}", attempt=attempt)


def _is_due(child: ChildState | None) -> bool:
    return child is None or child.status == "orphaned"


def _said(child: ChildState) -> str:
    return str(child.result) if child.failure is None else child.failure.code


class SteppedChildRuntime(SteppedRuntime):
    """`plans`: for each text that is said to the foreman, rounds of kinds of children."""

    def __init__(self, plans: dict[str, Rounds], of_worker: Limits | None = None, **rest: Any) -> None:
        super().__init__(ParentPlans(plans), **rest)
        self.of_worker = of_worker or Limits(steps=20)
        self.gone = ""  # an agent that is not served any more

    def catalog(self) -> AgentRegistry:
        model = ModelSettings(name="m")
        foreman = AgentSpec(type="foreman", name="foreman", model=model, limits=self.limits)
        worker = AgentSpec(type="react_agent", name="test", model=model, tools=SPECS, limits=self.of_worker)
        agents = {spec.name: self.build(spec) for spec in (foreman, worker) if spec.name != self.gone}
        return AgentRegistry(agents, default="foreman")

    def build(self, spec: AgentSpec) -> BaseAgent:
        agent = (ParentAgent if spec.type == "foreman" else ReactAgent)(spec, Toolset(SPECS, check), lambda state: "")
        if isinstance(agent, ParentAgent):
            agent.plans = self.plans
        return agent

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        reply = await super().call(request, on_delta)
        return msgspec.structs.replace(reply, usage=Usage(1, 1))

    def children(self, run_id: str) -> list[str]:
        rows = sorted(self.disk.tables.runs.values(), key=lambda run: run.accepted_no)
        return [run.id for run in rows if run.parent == run_id]
