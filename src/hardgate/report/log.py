"""A log that no secret and no terminal's command gets into, however its chunks fall."""

import codecs
from bisect import bisect_left
from typing import TextIO

from hardgate.redaction import Redactor
from hardgate.secret_patterns import LONGEST_KEY, Span, find_open_key
from hardgate.text.plain import strip_control_codes

HOLD_BACK_CHARS = 2 * LONGEST_KEY
"""Characters that are held back at most: more than any secret, less than anybody's memory."""

MAX_LOG_CHARS = 64 * 2**20
"""Characters of a log that are kept: an image's words must not fill the disk."""

MAX_ESCAPE_CHARS = 4096
"""Characters without a line's end that wait for the rest of a terminal's command."""

NAME_REACH_CHARS = 4096
"""Characters that a name and its secret stand within, where one line never ends."""


_LOG_END = f"\n[hardgate: the log is longer than {MAX_LOG_CHARS // 2**20} MiB, and ends here]\n"


class RedactingStream:
    """Passes whole lines on, once nothing in them can still grow into a secret.

    For one thread. What is held back comes out on `close`. What a terminal would carry out is taken
    out first: it could stand inside of a secret. From `MAX_LOG_CHARS` on nothing more is written.
    """

    def __init__(self, sink: TextIO, redactor: Redactor) -> None:
        """Take over `sink`, and close it in the end."""
        self.redactor = redactor
        """May be replaced by one that knows more; what was let go before stays as it is."""
        self._sink = sink
        self._raw = ""
        """The start of a line, as it came."""
        self._held = ""
        self._look_again_at = 0
        self._written = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, chunk: str | bytes) -> int:
        """Take any piece of the log; bytes are decoded as UTF-8, with replacement."""
        self._raw += self._decoder.decode(chunk) if isinstance(chunk, bytes) else chunk
        end = self._raw.rfind("\n") + 1
        self._clean_raw(end if len(self._raw) - end <= MAX_ESCAPE_CHARS else len(self._raw))
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
            self._raw += self._decoder.decode(b"", final=True)
            self._clean_raw(len(self._raw))
            self._write_redacted(len(self._held))
        finally:
            self._sink.close()

    def __enter__(self) -> "RedactingStream":
        """Use it as a context: it is closed at the end."""
        return self

    def __exit__(self, *_ended: object) -> None:
        """Close it, whatever happened."""
        self.close()

    def _clean_raw(self, end: int) -> None:
        self._held += strip_control_codes(self._raw[:end])
        self._raw = self._raw[end:]

    def _write_redacted(self, end: int) -> None:
        if self._written <= MAX_LOG_CHARS:
            text = self.redactor.redact_text(self._held[:end])
            self._written += len(text)
            self._sink.write(text if self._written <= MAX_LOG_CHARS else _LOG_END)
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
