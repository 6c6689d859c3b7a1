"""A log that no secret gets into, however its chunks fall."""

import codecs
from bisect import bisect_left
from typing import TextIO

from hardgate.redaction import Redactor
from hardgate.secret_patterns import LONGEST_KEY, Span, find_open_key

HOLD_BACK_CHARS = 2 * LONGEST_KEY
"""Characters that are held back at most: more than any secret, less than anybody's memory."""

NAME_REACH_CHARS = 4096
"""Characters that a name and its secret stand within, where one line never ends."""


class RedactingStream:
    """Passes whole lines on, once nothing in them can still grow into a secret.

    For one thread. What is held back comes out on `close`.
    """

    def __init__(self, sink: TextIO, redactor: Redactor) -> None:
        """Take over `sink`, and close it in the end."""
        self.redactor = redactor
        """May be replaced by one that knows more; what was let go before stays as it is."""
        self._sink = sink
        self._held = ""
        self._look_again_at = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, chunk: str | bytes) -> int:
        """Take any piece of the log; bytes are decoded as UTF-8, with replacement."""
        self._held += self._decoder.decode(chunk) if isinstance(chunk, bytes) else chunk
        if len(self._held) >= self._look_again_at and "\n" in self._held:
            self._write_redacted(self._find_settled_end())
        if len(self._held) > HOLD_BACK_CHARS:
            self._write_redacted(self._find_break())
        return len(chunk)

    def flush(self) -> None:
        """Bring what was let go to the disk."""
        self._sink.flush()

    def close(self) -> None:
        """Let the rest go, and close the sink."""
        if self._sink.closed:
            return
        try:
            self._held += self._decoder.decode(b"", final=True)
            self._write_redacted(len(self._held))
        finally:
            self._sink.close()

    def __enter__(self) -> "RedactingStream":
        """Use it as a context: it is closed at the end."""
        return self

    def __exit__(self, *_ended: object) -> None:
        """Close it, whatever happened."""
        self.close()

    def _write_redacted(self, end: int) -> None:
        self._sink.write(self.redactor.redact_text(self._held[:end]))
        self._held = self._held[end:]
        # Twice as long each time, or a key without end would be read anew with each line of it.
        self._look_again_at = 0 if end else 2 * len(self._held)

    def _find_settled_end(self) -> int:
        """Say up to where nothing that comes can change what is a secret; a line's start."""
        held, spans = self._held, self.redactor.find_spans(self._held)
        end = _find_line_start(
            held, min(self.redactor.find_pending_start(held), find_open_key(held))
        )
        while (start := _find_line_start(held, _move_before(spans, end))) < end:
            end = start
        return end

    def _find_break(self) -> int:
        """Say where to break what has no end: away from its own end, and from every secret."""
        kept = min(len(self._held) - NAME_REACH_CHARS, self.redactor.find_pending_start(self._held))
        return _move_before(self.redactor.find_spans(self._held), kept) or len(self._held)


def _move_before(spans: list[Span], position: int) -> int:
    """Say where the secret that `position` is inside of begins; `position` itself if none."""
    index = bisect_left(spans, (position, 0)) - 1
    return spans[index][0] if index >= 0 and position < spans[index][1] else position


def _find_line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1
