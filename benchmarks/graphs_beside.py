"""A chain of nodes that do nothing, by Journeyman and by other graph libraries (`make bench-beside`).

CPU µs per node in one process, everything in memory, without a model. Journeyman records each node in its journal (in
memory here) and can go on from there; of the others the saver in memory is the nearest thing.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

NODES = 20
ROUNDS, RUNS = 15, 5

Run = Callable[[], Awaitable[Any]]


async def cost(run: Run) -> float:
    """CPU µs per node, the cheapest of several rounds."""
    await run()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(RUNS):
            await run()
        best = min(best, time.process_time() - begin)
    return best / RUNS / NODES * 1e6


async def journeyman() -> dict[str, float]:
    """Function nodes; with the run around them, its acceptance and its end."""
    from journeyman import AgentFactory  # noqa: PLC0415 - each library is optional here

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        lines = ["type: custom_react_agent", "model: offline", "graph:", "  start: n0", "  nodes:"]
        lines += [f'    n{number}: {{type: function, call: "nodes:nothing"}}' for number in range(NODES)]
        lines += ["  edges:", *(f"    - {{from: n{number}, to: n{number + 1}}}" for number in range(NODES - 1))]
        (folder / "chain.yaml").write_text("\n".join([*lines, f"    - {{from: n{NODES - 1}, to: end}}", ""]), "utf-8")
        (folder / "nodes.py").write_text("async def nothing(ctx):\n    return None\n", "utf-8")
        agent = await AgentFactory(folder / "chain.yaml").create_agent()
        result = await agent.run("go")
        assert result.status == "finished", result
        figures = {"journeyman, journal in memory": await cost(lambda: agent.run("go"))}
        await agent.aclose()
        return figures


async def langgraph() -> dict[str, float]:
    from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - as above
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415

    async def nothing(state: dict[str, Any]) -> dict[str, Any]:
        return {"n": 0}

    def build(saver: Any) -> Any:
        graph = StateGraph(dict)
        for number in range(NODES):
            graph.add_node(f"n{number}", nothing)
            graph.add_edge(f"n{number - 1}" if number else START, f"n{number}")
        graph.add_edge(f"n{NODES - 1}", END)
        return graph.compile(checkpointer=saver)

    plain, saved, threads = build(None), build(InMemorySaver()), iter(range(10**9))
    config = {"recursion_limit": NODES + 5}
    return {
        "langgraph": await cost(lambda: plain.ainvoke({"n": 0}, config)),
        "langgraph, saver in memory": await cost(
            lambda: saved.ainvoke({"n": 0}, {**config, "configurable": {"thread_id": str(next(threads))}})
        ),
    }


async def pydantic_graph() -> dict[str, float]:
    from pydantic_graph import GraphBuilder  # noqa: PLC0415 - as above

    builder = GraphBuilder(input_type=int, output_type=int)

    async def nothing(ctx: Any) -> int:
        return 0

    steps = [builder.step(nothing, node_id=f"n{number}") for number in range(NODES)]
    order = [builder.start_node, *steps, builder.end_node]
    builder.add(*(builder.edge_from(one).to(other) for one, other in itertools.pairwise(order)))
    graph = builder.build()
    return {"pydantic-graph": await cost(lambda: graph.run(inputs=0))}


async def main() -> None:
    print(f"CPU µs per node, {NODES} nodes that do nothing")
    for measure in (journeyman, langgraph, pydantic_graph):
        if importlib.util.find_spec(measure.__name__) is None:
            print(f"{measure.__name__:32} not installed")
            continue
        for name, figure in (await measure()).items():
            print(f"{name:32} {figure:6.1f}")


if __name__ == "__main__":
    asyncio.run(main())
