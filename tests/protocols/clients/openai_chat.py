"""Talks to a server with the `openai` package. Prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="any", max_retries=2, timeout=30)
seen: dict[str, Any] = {"models": [model.id for model in client.models.list()]}
seen["owner"] = client.models.retrieve("guide").owned_by

messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Good morning"}]
raw = client.chat.completions.with_raw_response.create(model="guide", messages=messages, temperature=0, seed=1)
reply = raw.parse()
seen["first"] = {
    "thread": raw.headers["x-thread-id"],
    "text": reply.choices[0].message.content,
    "reason": reply.choices[0].finish_reason,
    "tokens": reply.usage.total_tokens if reply.usage else 0,
}

messages += [{"role": "assistant", "content": seen["first"]["text"]}, {"role": "user", "content": "And now?"}]
options: Any = {"include_usage": True}
streamed = client.chat.completions.with_raw_response.create(
    model="guide", messages=messages, stream=True, stream_options=options
)
chunks = list(streamed.parse())
seen["second"] = {
    "thread": streamed.headers["x-thread-id"],
    "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
    "tokens": chunks[-1].usage.total_tokens if chunks[-1].usage else 0,
}

seen["errors"] = []
wrong: list[dict[str, Any]] = [
    {"model": "nobody", "messages": messages},
    {"model": "guide", "messages": []},
    {"model": "guide", "messages": messages, "n": 3},
]
for fields in wrong:
    try:
        client.chat.completions.create(**fields)
    except openai.APIStatusError as exc:
        seen["errors"].append([type(exc).__name__, exc.status_code, exc.code, exc.param])
print(json.dumps(seen))
