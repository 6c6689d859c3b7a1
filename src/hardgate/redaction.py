"""Takes secrets out of whatever a run prints or leaves on disk.

What is known by value (the workspace's token, above all) is found in every form that it is usually
written in, also broken over lines. What is not known is found by its shape (`secret_shape`).
"""

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from hardgate.secret_patterns import Span, find_shapes, is_secret_name

MASK = "[redacted]"

MIN_REDACTED_CHARS = 4
"""A shorter value is left alone. It is in every other word, so that masking it would shred the
report, and the pattern of the masks would give it away; nor is it much of a secret."""

MIN_ENCODED_CHARS = 8
"""From here on a value is also looked for encoded and broken over lines. The encodings of a
shorter one are three or four letters, which turn up anywhere by chance."""

MIN_CUT_CHARS = 12
"""Characters of a value that are masked where the text was cut in the middle of it."""

MAX_VALUE_CHARS = 1024
"""A longer value is looked for in pieces of this length, so that the search stays quick."""

MAX_KNOWN_CHARS = 65_536
"""Characters of one value that are known at most; larger secrets are keys, which have a shape."""

MAX_REMEMBERED_CHARS = 4096
MAX_REMEMBERED_TEXTS = 2048

_INVISIBLE = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_NOISE = re.compile(
    r"(?:\x1b\[[0-?]*[ -/]*[@-~]|\n#\d+ \d+\.\d+ |\\[nr]|\\(?=\n)"
    rf"|[\s\x00-\x1f\x7f{_INVISIBLE}])+"
)
"""What may stand between two characters of a value without making it another one: line ends, also
escaped or with a builder's time stamp, the colours of a terminal, characters without width."""


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """Knows some secrets by value and the rest by shape. A value, so share it freely."""

    values: frozenset[str] = field(default=frozenset(), repr=False)

    def with_values(self, values: Iterable[str]) -> "Redactor":
        """Know these too."""
        pieces = {piece for value in values for piece in _split_value(value.strip())}
        return Redactor(values=self.values | pieces - {""})

    def redact_text(self, text: str) -> str:
        """Put a mask in the place of every secret."""
        if len(text) > MAX_REMEMBERED_CHARS:
            return self._redact_anew(text)
        return self._redact_remembered(text)

    @cached_property
    def _redact_remembered(self) -> Callable[[str], str]:
        """Each report of a run holds the same texts: four of five are asked for again."""
        return lru_cache(MAX_REMEMBERED_TEXTS)(self._redact_anew)

    def _redact_anew(self, text: str) -> str:
        pieces, position = [], 0
        for start, end in self.find_spans(text):
            pieces += [text[position:start], MASK]
            position = end
        return "".join([*pieces, text[position:]])

    def redact_value(self, value: Any) -> Any:
        """Do the same to every string of a JSON-like value, keys included."""
        match value:
            case str():
                return self.redact_text(value)
            case dict():
                return {
                    self.redact_value(key): self._redact_entry(key, held)
                    for key, held in value.items()
                }
            case list() | tuple():
                return [self.redact_value(item) for item in value]
            case _:
                return value

    def find_spans(self, text: str) -> list[Span]:
        """Say where the secrets are: in order, apart from each other."""
        merged: list[Span] = []
        for start, end in sorted([*self._find_known_values(text), *find_shapes(text)]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def find_pending_start(self, text: str) -> int:
        """Say from where on the end of `text` may be the start of a known value."""
        bare = _NoiselessText(text)
        longest = max(
            (_measure_overlap(bare.text, form) for form in self._written_forms), default=0
        )
        return bare.find_origin(len(bare.text) - longest) if longest else len(text)

    def _redact_entry(self, key: Any, held: Any) -> Any:
        if isinstance(held, str) and held and is_secret_name(str(key)):
            return MASK
        return self.redact_value(held)

    @cached_property
    def _short_values(self) -> tuple[str, ...]:
        return tuple(
            value for value in self.values if MIN_REDACTED_CHARS <= len(value) < MIN_ENCODED_CHARS
        )

    @cached_property
    def _written_forms(self) -> tuple[str, ...]:
        long = (value for value in self.values if len(value) >= MIN_ENCODED_CHARS)
        forms = {_NOISE.sub("", form) for value in long for form in generate_forms(value)}
        return tuple(sorted(form for form in forms if len(form) >= MIN_ENCODED_CHARS))

    def _find_known_values(self, text: str) -> Iterator[Span]:
        for value in self._short_values:
            yield from _find_occurrences(text, value)
        if not self._written_forms:
            return
        bare = _NoiselessText(text)
        for form in self._written_forms:
            for start, end in _find_occurrences(bare.text, form):
                yield bare.find_origin(start), bare.find_origin(end - 1) + 1
            yield from _find_cut_values(bare, form)


def _split_value(value: str) -> Iterator[str]:
    """Give a value whole, its lines where it has several, or its pieces where it is long."""
    value = value[:MAX_KNOWN_CHARS]
    if "\n" in value:
        yield from (
            line.strip() for line in value.split("\n") if len(line.strip()) >= MIN_CUT_CHARS
        )
    for start in range(0, len(value), MAX_VALUE_CHARS):
        piece = value[start : start + MAX_VALUE_CHARS]
        if start == 0 or len(piece) >= MIN_CUT_CHARS:
            yield piece


def generate_forms(value: str) -> Iterator[str]:
    """Yield what a value looks like quoted, escaped and encoded, itself first."""
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield value.replace("'", "'\\''")
    yield value.replace("'", "'\"'\"'")
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="!'()*")):
        yield quoted
        yield re.sub(r"%..", lambda match: match[0].lower(), quoted)
        yield quote(quoted, safe="")
    yield from _escaped_forms(value)
    for separator in ("", ":", "-"):
        yield raw.hex(separator) if separator else raw.hex()
        yield (raw.hex(separator) if separator else raw.hex()).upper()
    yield "".join(f"\\x{byte:02x}" for byte in raw)
    yield "".join(f"\\x{byte:02X}" for byte in raw)
    yield base64.b32encode(raw).decode().rstrip("=")
    yield from _base64_forms(raw)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield quote(encode(raw).decode().rstrip("="), safe="")
        yield from _base64_forms(encode(raw))
        yield from _base64_forms(encode(raw).rstrip(b"="))


def _escaped_forms(value: str) -> Iterator[str]:
    """Yield what JSON's and HTML's writers make of it, some of which escape more than they need."""
    plain = json.dumps(value)[1:-1]
    yield plain.replace("/", "\\/")
    for digits in ("04x", "04X"):
        yield "".join(f"\\u{ord(one):{digits}}" if one in "<>&'=+" else one for one in plain)
        yield "".join(f"\\u{ord(character):{digits}}" for character in value)
    yield html.escape(value)
    yield html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield html.escape(value, quote=False)
    yield "".join(f"&#{ord(character)};" for character in value)
    yield "".join(f"&#x{ord(character):x};" for character in value)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield it encoded by itself, and inside of something longer, wherever it begins there."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        for before in range(3):
            yield _trim_base64(encode(b"\0" * before + raw).decode(), before, len(raw))


def _trim_base64(encoded: str, before: int, length: int) -> str:
    """Cut off the characters that also depend on what stands before and after the value."""
    return encoded[-(-before * 8 // 6) : (before + length) * 8 // 6]


class _NoiselessText:
    """A text without its noise, and the way back to where each character stood."""

    def __init__(self, text: str) -> None:
        pieces: list[str] = []
        self._starts: list[int] = []
        self._shifts: list[int] = []
        position = length = 0
        for noise in [*(match.span() for match in _NOISE.finditer(text)), (len(text), len(text))]:
            if position < noise[0]:
                self._starts.append(length)
                self._shifts.append(position - length)
                pieces.append(text[position : noise[0]])
                length += noise[0] - position
            position = noise[1]
        self.text = "".join(pieces)

    def find_origin(self, position: int) -> int:
        """Say where the character at `position` stood."""
        return position + self._shifts[bisect_right(self._starts, position) - 1]


def _find_occurrences(text: str, needle: str) -> Iterator[Span]:
    start = text.find(needle)
    while start >= 0:
        yield start, start + len(needle)
        start = text.find(needle, start + 1)


def _find_cut_values(bare: _NoiselessText, form: str) -> Iterator[Span]:
    """Find a value whose end, or whose start, was cut off with the text."""
    text = bare.text
    if text[-MIN_CUT_CHARS:] in form and (kept := _measure_overlap(text, form)) >= MIN_CUT_CHARS:
        yield bare.find_origin(len(text) - kept), bare.find_origin(len(text) - 1) + 1
    if text[:MIN_CUT_CHARS] in form and (kept := _measure_overlap(form, text)) >= MIN_CUT_CHARS:
        yield bare.find_origin(0), bare.find_origin(kept - 1) + 1


def _measure_overlap(first: str, second: str) -> int:
    """Say how much of the end of `first` is the start of `second`, short of all of it."""
    end = min(len(first), len(second) - 1)
    while size := second.rfind(first[-1:] or "\n", 0, end) + 1:
        if first.endswith(second[:size]):
            return size
        end = size - 1
    return 0
