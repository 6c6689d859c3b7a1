"""A run as Markdown: for a job's summary, a comment on a pull request, or a file."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.report.marks import mark_outcome_word, mark_state_word
from hardgate.report.summary_text import describe_probe_end, pick_best_reason, pick_remedy
from hardgate.text.plain import format_duration, keep_tail, one_line

EVIDENCE_LINES = 20
_ESCAPED_CHARACTERS = {
    **{character: f"\\{character}" for character in "\\`*_[]|#~$"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "@": "&#64;",  # mentions nobody
}
_BARE_LINK = re.compile(r"://|\bwww\.", re.IGNORECASE)
"""What forges make a link of without being asked."""

Summary = Mapping[str, Any]


def escape_markdown(text: str) -> str:
    """Let nothing in a text be taken for markup, HTML, a link, a mention or a table's end."""
    escaped = "".join(_ESCAPED_CHARACTERS.get(character, character) for character in one_line(text))
    return _BARE_LINK.sub(lambda link: link[0].replace("/", "&#47;").replace(".", "&#46;"), escaped)


def render_run_markdown(summary: Summary) -> str:
    """Write the outcome, then causes with their remedies, then each verdict; all of it escaped."""
    return "\n".join(_run_lines(summary)) + "\n"


def _run_lines(summary: Summary) -> Iterator[str]:
    emoji = mark_state_word(summary["outcome"]).tone.colour.emoji
    yield f"### {emoji} {escape_markdown(summary['headline'])}"
    yield from ("", escape_markdown(_describe_run(summary)))
    if summary["problem"]:
        yield from _problem_lines(summary)
    for cause in summary["causes"]:
        yield from _cause_lines(cause)
    if summary.get("baseline"):
        yield from _baseline_lines(summary["baseline"])
    if summary["notices"]:
        yield from ("", *(f"- Notice: {escape_markdown(line)}" for line in summary["notices"]))
    yield from _table_lines(summary)


def _describe_run(summary: Summary) -> str:
    contract, image, tier = summary["contract"], summary["image"], summary["tier"]
    parts = (
        f"Contract {contract['origin']} v{contract['version']}",
        f"tier {tier['number']}" if tier else "",
        f"image {image['reference']} ({image['digest'][:19]})" if image else "",
        f"run {summary['id']}",
        format_duration(summary["seconds"]),
    )
    return ", ".join(part for part in parts if part)


def _problem_lines(summary: Summary) -> Iterator[str]:
    yield from ("", f"**{escape_markdown(summary['problem'])}**")
    if summary["remedy"]:
        yield from ("", f"What to do: {escape_markdown(summary['remedy'])}")
    if summary["evidence"]:
        yield from ("", *quote_block(summary["evidence"]))


def _cause_lines(cause: Summary) -> Iterator[str]:
    names = ", ".join(f"**{escape_markdown(name)}**" for name in cause["verdicts"])
    yield from ("", f"- {names}: {escape_markdown(cause['sentence']) or 'It gave no reason.'}")
    if cause["remedy"]:
        yield f"  <br>What to do: {escape_markdown(cause['remedy'])}"
    if cause["quotes"]:
        yield from ("", *(f"  {line}" for line in quote_block("\n".join(cause["quotes"]))))


def _baseline_lines(baseline: Summary) -> Iterator[str]:
    yield from ("", f"Since run {escape_markdown(baseline['old']['id'])}:", "")
    changes = baseline["changes"]
    yield from (
        f"- **{escape_markdown(one['kind'])}** {escape_markdown(one['name'])} "
        f"{escape_markdown(one['detail'])}".rstrip()
        for one in changes
    )
    if not changes:
        yield "- nothing changed"


def _table_lines(summary: Summary) -> Iterator[str]:
    verdicts = summary["verdicts"]
    held = sum(verdict["outcome"] == "pass" for verdict in verdicts)
    yield from ("", f"<details><summary>{held} of {len(verdicts)} held</summary>", "")
    yield from ("| | | | |", "|---|---|---|---|")
    for verdict in verdicts:
        why = " ".join(part for part in (pick_best_reason(verdict), pick_remedy(verdict)) if part)
        ended = describe_probe_end(verdict) if verdict["outcome"] != "pass" else ""
        yield (
            f"| {mark_outcome_word(verdict['outcome'], verdict['severity']).label} "
            f"| {escape_markdown(verdict['name'])} | {verdict['kind']}, {verdict['severity']} "
            f"| {escape_markdown(f'{why} {ended}')} |"
        )
    yield from ("", "</details>")


def quote_block(text: str) -> Iterator[str]:
    """Quote lines as code that no line of them can end."""
    yield from (f"    {line}" for line in keep_tail(text, EVIDENCE_LINES).splitlines())
