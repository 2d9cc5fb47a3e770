"""The position in a graph, event by event: branches, joins in the order of the edge, conflicts, take-overs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from journeyman.events.codec import Codec, Entry
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    BranchEnded,
    CancelRequested,
    ContextChanged,
    Event,
    Failure,
    ForkedCall,
    MessageAdded,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    NodeEntered,
    NodeLeft,
    Path,
    RunAccepted,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    Spent,
    StepRemembered,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.fold import AgentState, fold, replace
from journeyman.events.graph_position import NodeState, is_parallel_to, is_within, place_of, with_call
from journeyman.events.messages import ToolCall, Usage, assistant, user
from journeyman.events.open_calls import CallState
from journeyman.journal.projection.branch_messages import joined_seqs

BEGIN: tuple[Event, ...] = (
    RunAccepted(thread="me/t", principal="me", agent="a", input=user("hi")),
    RunStarted(epoch=1),
)
A, B = "plan#1.0", "plan#1.1"
FAIL = Failure("tool_failed", "no")


def at(node: str, branch: str = "", visit: int = 1) -> Path:
    return Path(branch, node, visit)


def entered(node: str, branch: str = "", visit: int = 1, **more: object) -> NodeEntered:
    return NodeEntered(call=f"{node}#{visit}", path=at(node, branch, visit), **more)  # type: ignore[arg-type]


def left(node: str, branch: str = "", visit: int = 1, **more: object) -> NodeLeft:
    return NodeLeft(call=f"{node}#{visit}", path=at(node, branch, visit), **more)  # type: ignore[arg-type]


def said(text: str, path: Path, call: str = "m1", *calls: ToolCall) -> ModelReplied:
    return ModelReplied(call=call, model="m", message=assistant(text, *calls), usage=Usage(1, 1), path=path)


def ended(node: str, branch: str, edge: int | None = 3) -> BranchEnded:
    return BranchEnded(path=at(node, branch), to="sum", edge=edge)


def after(*events: Event) -> AgentState:
    return fold("run_1", ((seq, seq, event) for seq, event in enumerate((*BEGIN, *events), 1)))


def test_a_node_whose_model_replied_with_nothing_asks_once_more() -> None:
    empty = replace(said("", at("work")), finish_reason="empty")
    assert not node(after(entered("work"), empty)).replied
    assert node(after(entered("work"), empty, said("one", at("work"), "m2"))).replied
    assert node(after(entered("work"), empty, replace(empty, call="m2"))).replied


def texts(state: AgentState) -> list[str]:
    return [message.text for message in state.messages]


def node(state: AgentState, branch: str = "") -> NodeState:
    found = state.walk.at(branch)
    assert found is not None
    return found


FORKED = (entered("plan"), said("P", at("plan")), left("plan"), entered("a", A), entered("b", B))


def test_a_token_goes_from_node_to_node_and_visits_are_counted() -> None:
    state = after(entered("work"), said("one", at("work")))
    assert (node(state).path, node(state).status, node(state).replied) == (at("work"), "entered", True)
    assert texts(state) == ["hi", "one"]
    state = after(entered("work"), left("work", result=7), entered("act"), left("act"), entered("work", visit=2))
    assert (node(state).path, node(state).replied, state.walk.visits) == (
        at("work", visit=2),
        False,
        {"work": 2, "act": 1},
    )
    left_with = after(entered("work"), left("work", result=7))
    assert (node(left_with).status, node(left_with).result, left_with.open_nodes) == ("left", 7, ())


def test_another_attempt_keeps_what_succeeded_and_forgets_what_failed() -> None:
    done = ToolCallFinished(call="f#1.t1", call_id="f#1.t1", tool="t", result="r", path=at("f"))
    bad = ToolCallFinished(call="f#1.t2", call_id="f#1.t2", tool="t", error=FAIL, path=at("f"))
    state = after(entered("f"), done, bad, left("f", error=FAIL))
    assert (node(state).failures, node(state).error, set(node(state).outcomes)) == (1, FAIL, {"f#1.t1"})
    state = after(entered("f"), done, bad, left("f", error=FAIL), entered("f", attempt=2))
    assert (node(state).attempt, node(state).failures, node(state).status) == (2, 1, "entered")
    assert (set(node(state).outcomes), state.walk.visits) == ({"f#1.t1"}, {"f": 1})
    assert texts(state) == ["hi"]


def test_the_child_of_a_node_may_be_told_later() -> None:
    state = after(entered("expert"), entered("expert", child="run_2"))
    assert (node(state).child, state.walk.visits) == ("run_2", {"expert": 1})


def test_a_child_counts_once_when_it_is_over_and_survives_a_take_over() -> None:
    begun = (*FORKED, entered("expert", A), entered("expert", A, agent="other", child="run_2"))
    state = after(*begun, RunResumed(epoch=2, reason="taken_over"))
    assert [(held.child, held.status) for held in state.open_nodes][:1] == [("run_2", "entered")]
    assert [(child.run_id, child.path) for child in state.open_children] == [("run_2", at("expert", A))]
    spent = Spent(Usage(5, 6), steps=2, tool_calls=3)
    over = after(*begun, left("expert", A, result="Well.", spent=spent), left("expert", A, error=FAIL, spent=spent))
    assert (over.usage, over.child_steps, over.tool_calls) == (state.usage + Usage(5, 6), 2, 3)
    assert [(child.status, child.result) for child in over.children] == [("finished", "Well.")]
    assert not over.open_children


def test_a_fork_starts_the_child_of_a_node_anew() -> None:
    begun = (entered("expert"), entered("expert", agent="other", child="run_2"))
    state = after(*begun, RunForked(parent="run_0", at=4, epoch=2))
    assert (node(state).child, node(state).status, node(state).attempt) == (None, "orphaned", 1)
    assert [child.status for child in state.children] == ["orphaned"]
    again = after(*begun, RunForked(parent="run_0", at=4, epoch=2), entered("expert", agent="other", child="run_3"))
    assert (node(again).child, node(again).status) == ("run_3", "entered")
    assert [(child.run_id, child.status) for child in again.children] == [("run_3", "open")]


def test_branches_have_their_own_messages_and_see_those_before_the_fan_out() -> None:
    state = after(*FORKED, said("B", at("b", B), "m3"), said("A", at("a", A), "m2"))
    assert texts(state) == ["hi", "P"]
    assert texts(state.in_branch(A)) == ["hi", "P", "A"]
    assert texts(state.in_branch(B)) == ["hi", "P", "B"]
    assert (list(state.walk.children("")), state.usage) == ([A, B], Usage(3, 3))


def test_a_join_appends_in_the_order_of_the_edge() -> None:
    spoken = (said("B", at("b", B), "m3"), ended("b", B), said("A", at("a", A), "m2"), ended("a", A))
    state = after(*FORKED, *spoken)
    assert [(held.status, held.edge) for held in state.walk.nodes] == [("left", None), ("ended", 3), ("ended", 3)]
    state = after(*FORKED, *spoken, entered("sum", joins=(A, B)))
    assert (texts(state), state.walk.branches) == (["hi", "P", "A", "B"], {})
    state = after(*FORKED, *spoken, entered("sum", joins=(B, A)))
    assert texts(state) == ["hi", "P", "B", "A"]


def test_an_ended_branch_brings_nothing_to_a_join() -> None:
    state = after(*FORKED, said("A", at("a", A), "m2"), ended("a", A, None), ended("b", B), entered("sum", joins=(B,)))
    assert (texts(state), state.walk.branches) == (["hi", "P"], {})


def test_branches_within_branches() -> None:
    inner = (f"{A}/a#1.0", f"{A}/a#1.1")
    more = (
        left("a", A),
        entered("x", inner[0]),
        entered("y", inner[1]),
        said("X", at("x", inner[0]), "m3"),
        said("Y", at("y", inner[1]), "m4"),
    )
    state = after(*FORKED, said("A", at("a", A), "m2"), *more)
    assert texts(state.in_branch(inner[1])) == ["hi", "P", "A", "Y"]
    assert (list(state.walk.children("")), list(state.walk.children(A))) == ([A, B], list(inner))
    state = after(*FORKED, said("A", at("a", A), "m2"), *more, entered("z", A, joins=(inner[1], inner[0])))
    assert texts(state.in_branch(A)) == ["hi", "P", "A", "Y", "X"]
    assert list(state.walk.branches) == [A, B]
    part = after(*FORKED, *more, entered("z", inner[0], joins=inner))
    assert texts(part.in_branch(inner[0])) == ["hi", "P", "X", "Y"]
    assert list(part.walk.branches) == [A, B, inner[0]]


def test_calls_of_a_branch_are_its_own() -> None:
    asks = said("", at("a", A), "m2", ToolCall("c", "t", "{}"))
    started = ToolCallStarted(call="m2.0", call_id="c", tool="t", arguments={}, idempotency_key="k", path=at("act", A))
    asked = ApprovalRequested(approval="ap", kind="tool", call="m2.0", tool="t", path=at("act", A))
    state = after(*FORKED, asks, asked)
    assert (state.calls, [call.call for call in state.open_calls], state.open_approvals) == ((), ["m2.0"], ("ap",))
    assert (state.tool_calls, state.answered) == (1, False)
    answer = ApprovalGiven(approval="ap", decision="approve", by="me")
    assert after(*FORKED, asks, asked, answer).answered
    state = after(*FORKED, asks, asked, answer, started)
    assert [call.status for call in state.in_branch(A).calls] == ["started"]
    finished = ToolCallFinished(call="m2.0", call_id="c", tool="t", result="r", path=at("act", A))
    state = after(*FORKED, asks, started, finished)
    assert (texts(state.in_branch(A)), texts(state.in_branch(B)), state.open_calls) == (
        ["hi", "P", "", "r"],
        ["hi", "P"],
        (),
    )


def test_what_a_node_s_own_code_does_is_in_no_list_of_messages() -> None:
    path = at("f")
    model = (ModelCalled(call="f#1.m1", model="m", path=path), said("thought", path, "f#1.m1"))
    state = after(entered("f"), model[0])
    assert ([call.call for call in state.open_model_calls], state.model_calls) == (["f#1.m1"], 1)
    state = after(entered("f"), *model)
    assert (texts(state), state.usage, node(state).outcomes) == (["hi"], Usage(1, 1), {"f#1.m1": assistant("thought")})
    failed = ModelFailed(call="f#1.m1", error=FAIL, path=path)
    state = after(entered("f"), model[0], failed)
    assert (state.open_model_calls, state.errors, state.failure, node(state).failure) == ((), (FAIL,), None, None)
    asked = ApprovalRequested(approval="ap", kind="tool", call="f#1.t1", tool="t", arguments={"n": 1}, path=path)
    given = ApprovalGiven(approval="ap", decision="approve", by="me", arguments={"n": 2})
    started = ToolCallStarted(call="f#1.t1", call_id="x", tool="t", arguments={}, idempotency_key="k", path=path)
    state = after(entered("f"), asked)
    assert (state.open_approvals, state.answered) == (("ap",), False)
    state = after(entered("f"), asked, given)
    assert (state.answered, node(state).calls[0].arguments, state.tool_calls) == (True, {"n": 2}, 0)
    state = after(entered("f"), asked, given, started)
    assert (node(state).calls[0].status, state.tool_calls) == ("started", 1)
    done = ToolCallFinished(call="f#1.t1", call_id="x", tool="t", result="r", path=path)
    state = after(entered("f"), asked, given, started, done)
    assert (state.open_calls, node(state).outcomes) == ((), {"f#1.t1": done})


def test_an_approval_node_asks_in_its_own_name() -> None:
    asked = ApprovalRequested(approval="ap", kind="node", call="review#1", path=at("review"))
    state = after(entered("review"), asked)
    assert (node(state).status, state.open_approvals, state.open_calls) == ("waiting", ("ap",), ())
    state = after(entered("review"), asked, ApprovalGiven(approval="ap", decision="deny", by="me"))
    assert (node(state).status, node(state).decision, state.answered) == ("answered", "deny", True)


def test_a_failed_model_call_of_a_node_fails_the_node_not_the_run() -> None:
    state = after(
        *FORKED, ModelCalled(call="m2", model="m", path=at("a", A)), ModelFailed(call="m2", error=FAIL, path=at("a", A))
    )
    assert (state.failure, node(state, A).failure, state.errors) == (None, FAIL, (FAIL,))


def test_two_branches_that_change_one_key_fail_the_run() -> None:
    first = ContextChanged(scope="thread", patch={"k": 1, "own": 1}, path=at("a", A))
    same = ContextChanged(scope="thread", patch={"k": 2}, path=at("b", B))
    failure = after(*FORKED, first, same).failure
    assert failure is not None
    assert failure.code == "context_conflict"
    assert "nodes a and b" in failure.message
    assert "'k' of the thread context" in failure.message
    assert after(*FORKED, first, first).failure is None
    other = ContextChanged(scope="global", patch={"k": 2}, path=at("b", B))
    assert after(*FORKED, first, other).failure is None
    main = ContextChanged(scope="thread", patch={"k": 3}, path=at("sum"))
    joined = after(*FORKED, first, ended("a", A), ended("b", B), entered("sum", joins=(A, B)), main)
    assert (joined.failure, joined.thread_context) == (None, {"k": 3, "own": 1})


def test_a_branch_remembers_what_its_own_branches_changed() -> None:
    inner = (f"{A}/a#1.0", f"{A}/a#1.1")
    nested = (
        left("a", A),
        entered("x", inner[0]),
        entered("y", inner[1]),
        ContextChanged(scope="thread", patch={"k": 1}, path=at("x", inner[0])),
        entered("z", A, joins=inner),
    )
    assert after(*FORKED, *nested).failure is None
    clash = ContextChanged(scope="thread", patch={"k": 2}, path=at("b", B))
    assert after(*FORKED, *nested, clash).failure is not None


def test_a_take_over_orphans_what_was_under_way_and_leaves_waits_open() -> None:
    asks = said("", at("a", A), "m2", ToolCall("c", "t", "{}"))
    started = ToolCallStarted(call="m2.0", call_id="c", tool="t", arguments={}, idempotency_key="k", path=at("a", A))
    inner = ToolCallStarted(call="b#1.t1", call_id="x", tool="t", arguments={}, idempotency_key="k", path=at("b", B))
    asked = ApprovalRequested(approval="ap", kind="node", call="b#1", path=at("b", B))
    taken = RunResumed(epoch=2, reason="taken_over")
    state = after(*FORKED, asks, started, inner, taken)
    assert [call.status for call in state.all_calls] == ["orphaned", "orphaned"]
    assert [held.status for held in state.walk.nodes] == ["left", "orphaned", "orphaned"]
    assert node(after(*FORKED, asked, taken), B).status == "waiting"
    called = ModelCalled(call="m2", model="m", path=at("a", A))
    code = ModelCalled(call="b#1.m1", model="m", path=at("b", B))
    assert [call.orphaned for call in after(*FORKED, called, code, taken).open_model_calls] == [True, True]
    forked = RunForked(parent="run_0", at=9, epoch=2, calls=(ForkedCall("m2.0", "k", "was"), ForkedCall("b#1.t1", "k")))
    state = after(*FORKED, asks, started, inner, forked)
    assert [call.forked for call in state.all_calls] == list(forked.calls)
    assert [call.status for call in state.all_calls] == ["orphaned", "orphaned"]


def test_what_comes_late_changes_nothing() -> None:
    """The end of a child run may be recorded after the end of the run that waited for it."""
    over = (*FORKED, ended("a", A, None), ended("b", B), entered("sum", joins=(B,)))
    late: tuple[Event, ...] = (
        left("a", A),
        said("late", at("a", A)),
        MessageAdded(message=user("late"), path=at("a", A)),
        ended("a", A),
    )
    for event in late:
        state = after(*over, event)
        assert (state.walk, texts(state)) == (after(*over).walk, texts(after(*over)))
    assert after(entered("a"), left("a", result=1), left("a", result=2)).walk.node == node(
        after(entered("a"), left("a", result=1))
    )


def test_names_say_what_runs_beside_what() -> None:
    assert is_within(A, "")
    assert is_within(f"{A}/x#1.0", A)
    assert not is_within(A, A)
    assert not is_within("plan#1.01", "plan#1.0")
    assert is_parallel_to(A, B)
    assert is_parallel_to(f"{A}/x#1.0", B)
    assert not is_parallel_to(f"{A}/x#1.0", A)
    assert not is_parallel_to(A, "")


# --- any position


class Walker:
    """Makes random sequences of events of a graph, and predicts the position with a simpler model, a tree."""

    def __init__(self, choose: st.DataObject) -> None:
        self.choose = choose
        self.events: list[Event] = [entered("n")]
        self.lists: dict[str, list[str]] = {"": []}  # live branches, their own texts
        self.count = 0

    def leaves(self) -> list[str]:
        return [name for name in self.lists if not any(is_within(other, name) for other in self.lists)]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.choose.draw(st.sampled_from((self.speak, self.fan_out, self.join)))()
        while len(self.lists) > 1:
            self.join()

    def speak(self) -> None:
        branch = self.choose.draw(st.sampled_from(sorted(self.leaves())))
        self.count += 1
        self.events.append(said(str(self.count), at("n", branch), f"m{self.count}"))
        self.lists[branch].append(str(self.count))

    def fan_out(self) -> None:
        branch = self.choose.draw(st.sampled_from(sorted(self.leaves())))
        self.count += 1
        prefix = f"{branch}/" if branch else ""
        for index in range(self.choose.draw(st.integers(1, 3))):
            name = f"{prefix}f#{self.count}.{index}"
            self.events.append(entered("n", name))
            self.lists[name] = []

    def join(self) -> None:
        parents = {name.rpartition("/")[0] for name in self.lists if name}
        ready = sorted(p for p in parents if {n for n in self.lists if is_within(n, p)} <= set(self.leaves()))
        if not ready:
            return
        parent = self.choose.draw(st.sampled_from(ready))
        children = [name for name in self.lists if is_within(name, parent)]
        order = self.choose.draw(st.permutations(children))
        self.count += 1
        self.events.append(entered("n", parent, self.count + 1, joins=tuple(order)))
        self.lists[parent] += [text for name in order for text in self.lists.pop(name)]


@given(st.data(), st.integers(0, 25))
def test_any_walk_keeps_every_message_once_and_in_order(data: st.DataObject, steps: int) -> None:
    walker = Walker(data)
    walker.run(steps)
    state = after(*walker.events)
    assert texts(state)[1:] == walker.lists[""]
    assert state.walk.branches == {}
    assert numbered(walker.events) == walker.lists[""]


def numbered(events: Sequence[Event]) -> list[str]:
    """Return the texts in the order of the thread's rows: branches' texts follow at their join."""
    entries = list(_entries(events))
    found: list[int] = []
    for entry, event in zip(entries, events, strict=True):
        if isinstance(event, ModelReplied) and not event.path.branch:
            found.append(entry.seq)
        if isinstance(event, NodeEntered) and event.joins and not event.path.branch:
            found += joined_seqs(entries, entry.seq)
    return [
        event.message.text
        for event in map(events.__getitem__, (seq - 1 for seq in found))
        if isinstance(event, ModelReplied)
    ]


def _entries(events: Iterable[Event]) -> Iterable[Entry]:
    for seq, event in enumerate(events, 1):
        draft = Codec().draft(event)
        yield Entry("run_1", seq, draft.type, draft.v, seq, draft.data)


paths = st.builds(
    Path, st.sampled_from(("", A, B, f"{A}/a#1.0")), st.sampled_from(("a", "b", "plan")), st.integers(1, 2)
)
calls = st.sampled_from(("a#1.t1", "b#1.m1", "m1", "m1.0", "a#1"))
strange: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        NodeEntered, path=paths, call=calls, attempt=st.integers(1, 2), joins=st.sampled_from(((), (A,), (B, A)))
    ),
    st.builds(NodeLeft, path=paths, call=calls, error=st.sampled_from((None, FAIL))),
    st.builds(BranchEnded, path=paths, edge=st.sampled_from((None, 1))),
    st.builds(ModelCalled, path=paths, call=calls, model=st.just("m")),
    st.builds(
        ModelReplied, path=paths, call=calls, model=st.just("m"), message=st.just(assistant("", ToolCall("c", "t", "")))
    ),
    st.builds(ModelFailed, path=paths, call=calls, error=st.just(FAIL)),
    st.builds(
        ToolCallStarted,
        path=paths,
        call=calls,
        call_id=st.just("c"),
        tool=st.just("t"),
        arguments=st.just({}),
        idempotency_key=st.just("k"),
    ),
    st.builds(ToolCallFinished, path=paths, call=calls, call_id=st.just("c"), tool=st.just("t"), error=st.just(FAIL)),
    st.builds(ApprovalRequested, path=paths, call=calls, approval=st.just("ap"), kind=st.just("tool")),
    st.builds(ApprovalGiven, approval=st.just("ap"), decision=st.just("approve"), by=st.just("me")),
    st.builds(ContextChanged, path=paths, scope=st.just("thread"), patch=st.sampled_from(({"k": 1}, {"l": None}))),
    st.builds(MessageAdded, path=paths, message=st.just(user("x"))),
    st.builds(StepRemembered, path=paths, name=calls, value=st.integers()),
    st.sampled_from((RunPaused(), RunResumed(epoch=2, reason="taken_over"), RunForked(parent="r", at=1, epoch=3))),
)


@given(st.lists(strange, max_size=25))
def test_the_fold_is_total(events: list[Event]) -> None:
    """No sequence of events makes the fold raise, so that a journal can always be read."""
    state = after(*events)
    assert state.seq == len(events) + 2
    assert [state.open_calls, state.open_approvals, state.open_model_calls, state.in_branch(A)]


def test_outside_facts_commute_with_steps_of_branches() -> None:
    own = (ContextChanged(scope="thread", patch={"k": 1}, path=at("a", A)), said("A", at("a", A), "m2"))
    outside = (left("b", B, result=1), CancelRequested(by="me"))
    orders = [(*own, *outside), (*outside, *own), (own[0], outside[0], own[1], outside[1])]
    assert len({repr(after(*FORKED, *order)) for order in orders}) == 1


def test_a_call_is_found_by_the_number_in_its_name_and_only_by_its_whole_name() -> None:
    calls = tuple(
        CallState(call=name, call_id="c", tool="t", arguments="") for name in ("m2.0", "m2.1", "f#1.t1", "x.0")
    )
    assert [place_of(calls, each.call) for each in calls] == [0, 1, 2, 3]
    assert [place_of(calls, name) for name in ("m1.0", "m2.2", "m2.9", "m2.-1", "m2.", "", "m2.²")] == [None] * 7
    changed = with_call(calls, "m2.1", status="started")
    assert [each.status for each in changed] == ["asked", "started", "asked", "asked"]
    assert with_call(calls, "m9.1", status="started") is calls
