"""The runtime of one process: what drives runs, and the use cases over it, built in one place for all who need them."""

from __future__ import annotations

from dataclasses import dataclass

from journeyman.llm.prices import Prices
from journeyman.runtime.approval_deadlines import ApprovalDeadlines
from journeyman.runtime.chat_retention import ChatRetention
from journeyman.runtime.engine.budgets import Budgets
from journeyman.runtime.engine.children import Children
from journeyman.runtime.engine.gateway_patience import GatewayPatience
from journeyman.runtime.engine.model_budget import BudgetMeters
from journeyman.runtime.engine.performer import Performer
from journeyman.runtime.engine.recorder import Observe
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RUN_SLOTS, RunScheduler
from journeyman.runtime.engine.suspect_runs import CrashPolicy
from journeyman.runtime.lacking_runs import FIRST_RATE, IsHere, LackingRuns
from journeyman.runtime.retention import Retention
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.use_cases.conversations import Conversations
from journeyman.runtime.use_cases.forks import Forks
from journeyman.runtime.use_cases.held_runs import HeldRuns
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.submission import Backlog, Submission
from journeyman.runtime.use_cases.threads import Threads
from journeyman.runtime.use_cases.tool_backlog import ToolBacklog
from journeyman.runtime.use_cases.waiting_runs import WaitingRuns


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The scheduler of runs, the use cases over it, and what works beside it: deadlines, retention, runs that wait."""

    budgets: Budgets
    scheduler: RunScheduler
    runs: Runs
    forks: Forks
    conversations: Conversations
    threads: Threads
    waiting: WaitingRuns
    held: HeldRuns
    deadlines: ApprovalDeadlines
    retention: Retention
    chat_retention: ChatRetention
    lacking: LackingRuns


def build_runtime(
    parts: RunParts,
    registry: AgentRegistry,
    performer: Performer,
    *,
    budgets: Budgets | None = None,
    prices: Prices | None = None,
    observe: Observe | None = None,
    children: Children | None = None,
    slots: int = RUN_SLOTS,
    share: int | None = None,
    backlog: Backlog | None = None,
    patience: GatewayPatience | None = None,
    is_here: IsHere | None = None,
    first_rate: float = FIRST_RATE,
    crashed: CrashPolicy = "hold",
    tool_backlog: ToolBacklog | None = None,
) -> Runtime:
    """Build the runtime over these parts. Nothing is started: `scheduler.recover()` and `deadlines.start()` do that.

    `registry` holds the agents for new runs. Without `budgets` and `prices` nothing is limited or priced. `observe`
    is called with each committed batch of a run. `slots` is the number of runs at a time, `share` that of one
    principal (None: all); `backlog` bounds those that wait for a slot. `children` replaces what starts child runs.
    `patience` is that with gateways that are away; None: model calls fail then. `is_here` asks a gateway whether it
    is back; None: it is. `first_rate`: runs a second that go on then at first. `crashed`: what becomes of a run that
    ends the server each time. `tool_backlog` bounds lone tool calls that wait; None: nothing does.
    """
    budgets = budgets or Budgets(parts.journal, parts.clock)
    meters = BudgetMeters(budgets, prices or Prices())
    scheduler = RunScheduler(parts, performer, meters, observe, slots, share, children, patience, crashed)
    submission = Submission(parts, scheduler, budgets, backlog or Backlog())
    runs = Runs(parts, scheduler, registry, submission, tool_backlog)
    threads = Threads(parts, scheduler)
    return Runtime(
        budgets=budgets,
        scheduler=scheduler,
        runs=runs,
        forks=Forks(parts, runs, submission),
        conversations=Conversations(parts, runs),
        threads=threads,
        waiting=WaitingRuns(parts, scheduler),
        held=HeldRuns(parts.journal, parts.codec, parts.clock, scheduler.notify),
        deadlines=ApprovalDeadlines(parts, scheduler),
        retention=Retention(parts.journal, parts.clock, parts.files),
        chat_retention=ChatRetention(parts.journal, threads, parts.clock, parts.files),
        lacking=LackingRuns(parts, scheduler, is_here, patience.seconds if patience else None, first_rate),
    )
