"""A client of the Responses API: OpenAI's own library, in another environment. Prints what it got as JSON.

It plays a tool loop, plain or streamed, and replays all output items as OpenAI's documentation tells clients to.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import openai  # type: ignore[import-not-found, unused-ignore]

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": name,
        "description": name,
        "parameters": {"type": "object", "properties": properties},
        "strict": False,
    }
    for name, properties in (("lookup", {"city": {"type": "string"}}), ("now", {}))
]
RESULTS = {"lookup": "Paris is sunny", "now": "12:00"}


def main(url: str, form: str) -> None:
    """Play the loop against the server at `url`, plain or streamed, and print what came of it."""
    client = openai.OpenAI(base_url=url, api_key="sk-none", max_retries=0)
    items: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    streamed: list[str] = []
    replies = []
    for _ in range(2):
        fields = {"model": "offline", "input": items, "tools": TOOLS, "store": False, "reasoning": {"effort": "low"}}
        fields["include"] = ["reasoning.encrypted_content"]
        reply = answer(client, fields, streamed) if form == "streamed" else client.responses.create(**fields)
        replies.append(reply)
        items += reply.output
        calls = [item for item in reply.output if item.type == "function_call"]
        items += [
            {"type": "function_call_output", "call_id": one.call_id, "output": RESULTS[one.name]} for one in calls
        ]
    print(json.dumps({"replies": [reply.model_dump(mode="json") for reply in replies], "streamed": "".join(streamed)}))


def answer(client: Any, fields: dict[str, Any], streamed: list[str]) -> Any:
    """Return a streamed reply as the library puts it together, which fails if events contradict each other."""
    with client.responses.stream(**fields) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                streamed.append(event.delta)
        return stream.get_final_response()


if __name__ == "__main__":
    main(*sys.argv[1:])
