"""Hosts that are to be runners as Markdown: for a job's summary, a comment, or a file.

Made from the hosts' `summary.json`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardgate.errors import ExitCode
from hardgate.report.html import strip_json_control_codes
from hardgate.report.markdown import escape_markdown, render_run_markdown
from hardgate.report.marks import mark_outcome_word, mark_state_word
from hardgate.text.plain import keep_tail

EVIDENCE_LINES = 20
Document = Mapping[str, Any]


def render_runner_markdown(headline: str, summaries: Sequence[Document]) -> str:
    """Write the outcome of a whole run, a row for each host, and what did not hold where."""
    lines = [f"# {escape_markdown(headline)}", "", "| host | outcome |", "|---|---|"]
    lines += [_format_host_row(one) for one in map(strip_json_control_codes, summaries)]
    details = [render_host_markdown(one) for one in summaries if one["exit_code"] != ExitCode.HELD]
    return "\n".join((*lines, "", *details))


def _format_host_row(summary: Document) -> str:
    emoji = mark_state_word(summary["outcome"]).tone.colour.emoji
    return (
        f"| {escape_markdown(summary['host'])} | {emoji} {escape_markdown(summary['headline'])} |"
    )


def render_host_markdown(summary: Document) -> str:
    """Write what came of one host: why nobody could tell, its contracts, and tier 4 there."""
    host = strip_json_control_codes(summary)
    return "\n".join((*_host_lines(host), "", *map(render_run_markdown, host["contracts"])))


def _host_lines(host: Document) -> Iterator[str]:
    emoji = mark_state_word(host["outcome"]).tone.colour.emoji
    yield f"## {emoji} {escape_markdown(host['headline'])}"
    for error in (host["error"], host["gate"]["error"]):
        if error:
            yield from ("", *_error_lines(error))
    for notice in host["notices"]:
        yield from ("", f"Notice: {escape_markdown(notice)}")
    missed = [one for one in host["gate"]["verdicts"] if one["outcome"] != "pass"]
    if missed:
        yield from ("", "| tier 4 | | why | to do |", "|---|---|---|---|")
    for verdict in missed:
        texts = (verdict["name"], mark_outcome_word(verdict["outcome"]).label)
        cells = (*texts, verdict["reason"], verdict["remedy"])
        yield f"| {' | '.join(map(escape_markdown, cells))} |"


def _error_lines(error: Document) -> Iterator[str]:
    yield escape_markdown(error["problem"])
    if error["remedy"]:
        yield f"To do: {escape_markdown(error['remedy'])}"
    for line in keep_tail(error["evidence"], EVIDENCE_LINES).splitlines():
        yield f"> {escape_markdown(line)}  "
