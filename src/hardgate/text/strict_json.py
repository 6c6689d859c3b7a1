"""JSON of which every reader makes the same: for what decides, and somebody else wrote.

Readers differ on a key that stands twice, on numbers that JSON has not, and on text that is none
(https://www.rfc-editor.org/rfc/rfc8259#section-4). What they would differ on is refused here.
"""

import json
from collections import Counter
from typing import Any


def parse_strict_json(data: bytes | str) -> Any:
    """Read a document; raises ValueError, with a phrase that says why, for all else."""
    text = data if isinstance(data, str) else data.decode("utf-8")
    try:
        value = json.loads(
            text, object_pairs_hook=_make_mapping, parse_constant=_refuse, parse_float=_parse_float
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a character is not text
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def _make_mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) == len(pairs):
        return mapping
    counts = Counter(name for name, _ in pairs)
    raise ValueError(f"the key {ascii(counts.most_common(1)[0][0])[:80]} stands twice")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _parse_float(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is too large")
    return number
