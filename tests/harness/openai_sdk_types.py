"""Checks bodies of requests, one a line of the standard input, against the types of the OpenAI library.

It runs in the environment of that library and prints what does not fit.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openai.types.responses import ResponseInputParam  # type: ignore[import-not-found, unused-ignore]
from openai.types.responses.response_create_params import (  # type: ignore[import-not-found, unused-ignore]
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError


def main() -> None:
    """Check each body, and each item of its input by itself, so that a problem names its item."""
    item = TypeAdapter[Any](ResponseInputParam)
    forms = {
        flag: TypeAdapter[Any](form)
        for flag, form in ((True, ResponseCreateParamsStreaming), (False, ResponseCreateParamsNonStreaming))
    }
    for line in sys.stdin:
        body = json.loads(line)
        for each in body["input"]:
            _check(item, [each])
        _check(forms[body.get("stream", False)], body)


def _check(form: TypeAdapter[Any], value: Any) -> None:
    try:
        form.validate_python(value)
    except ValidationError as exc:
        print(f"{json.dumps(value)[:300]}: {exc.error_count()} errors, the first: {exc.errors()[0]}")


if __name__ == "__main__":
    main()
