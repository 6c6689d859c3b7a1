"""BuildKit's own parser, in a process of its own: a lone surrogate would end the one that asks.

Reads a JSON list of texts, and writes one of what each is: a list of instructions, or the refusal.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

ANSWER_SECONDS = 120


def parse_by_buildkit(texts: Sequence[str]) -> list[Any]:
    """Let BuildKit's parser read texts; a refusal is a text, else each instruction is a list."""
    finished = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=ANSWER_SECONDS,
    )
    answers: list[Any] = json.loads(finished.stdout)
    return answers


def _parse_one(text: str) -> Any:
    import dockerfile  # noqa: PLC0415 - only in the other process

    try:
        return [
            [
                (found.cmd or "").upper(),
                (found.sub_cmd or "").upper(),
                found.json,
                found.start_line,
                found.end_line,
                list(found.flags),
                [] if found.sub_cmd else [[one.name, one.content] for one in found.heredocs],
            ]
            for found in dockerfile.parse_string(text)
        ]
    except dockerfile.GoParseError as error:
        return str(error)


if __name__ == "__main__":
    json.dump([_parse_one(text) for text in json.load(sys.stdin)], sys.stdout)
