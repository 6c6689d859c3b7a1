"""What can be said without knowing why: which command failed last, and what it said."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import NEUTRAL_BUILTINS, ProbeStep
from hardgate.diagnosis.finders.identity import split_actual_expected
from hardgate.diagnosis.finders.messages import format_failed_call

_ADVICE = re.compile(
    r"Try '.{0,60}--help|may have more information|^See '|^Usage:|^For more details"
)
SEARCH_PROGRAMS = frozenset({"grep", "egrep", "fgrep"})
UNARY_TEST_MEANINGS = {
    "-d": "'{operand}' is not a folder",
    "-f": "'{operand}' is not a file",
    "-e": "'{operand}' is not there",
    "-s": "'{operand}' is not there, or empty",
    "-r": "'{operand}' may not be read",
    "-w": "'{operand}' may not be written",
    "-x": "'{operand}' may not be run or entered",
    "-S": "'{operand}' is not a socket",
    "-p": "'{operand}' is not a pipe",
    "-L": "'{operand}' is not a symbolic link",
    "-h": "'{operand}' is not a symbolic link",
    "-O": "'{operand}' is not the agent's",
    "-n": "what was to be there is empty",
    "-z": "what was to be empty is '{operand}'",
    "-t": "there is no terminal",
}
OPERATOR_MEANINGS = {
    "=": "wanted: the same",
    "==": "wanted: the same",
    "!=": "wanted: another one",
    "-eq": "wanted: the same number",
    "-ne": "wanted: another number",
    "-lt": "wanted: less",
    "-le": "wanted: no more",
    "-gt": "wanted: more",
    "-ge": "wanted: at least that",
    "=~": "as a pattern",
}


def match_failed_step(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Tell a step that failed by what it did and said."""
    if step.comparison:
        yield _match_comparison(probe, step)
    elif step.unary_test:
        yield _match_unary_test(step)
    elif step.is_test:
        fields = {"command": step.text, "meaning": "one of its parts is not so"}
        yield Match(cause="question", quotes=(step.text,), fields=fields)
    elif step.program in SEARCH_PROGRAMS and step.status == 1 and not step.output:
        yield _match_empty_search(probe, step)
    elif step.text and step.has_failed:
        yield _match_failed_command(step)
    elif step.has_failed and probe.observation.rerun and (step.output or step.failures):
        yield _match_shell_error(step)


def _match_comparison(probe: FailedProbe, step: ProbeStep) -> Match:
    compared = step.comparison
    assert compared is not None  # noqa: S101 - the caller looked
    actual, expected = split_actual_expected(probe, compared)
    inputs = probe.input_steps(step)
    producer = next(
        (candidate for candidate in inputs if candidate.has_failed), next(iter(inputs), None)
    )
    producer_note: str = ""
    quotes: tuple[str, ...] = (step.text,)
    if producer and producer.text:
        ended, messages = "", _last_message(producer) if producer.status else ()
        if producer.status:
            ended = f", which exited {producer.status}" + "".join(
                f" and said: {x}" for x in messages
            )
        producer_note = f"; before that it ran '{producer.text}'{ended}"
        quotes = (producer.text, *messages, step.text)
    fields = {
        "left": actual,
        "right": expected,
        "operator": OPERATOR_MEANINGS[compared.operator],
        "producer": producer_note,
    }
    return Match(cause="comparison", quotes=quotes, fields=fields)


def _match_unary_test(step: ProbeStep) -> Match:
    question = step.unary_test
    assert question is not None  # noqa: S101 - the caller looked
    meaning = UNARY_TEST_MEANINGS.get(question.operator, "the answer is no").format(
        operand=question.operand
    )
    if question.negated:
        meaning = "the answer is yes"
    fields = {"command": step.text, "meaning": meaning}
    return Match(cause="question", quotes=(step.text,), fields=fields)


def _match_empty_search(probe: FailedProbe, step: ProbeStep) -> Match:
    read = [
        candidate
        for candidate in probe.input_steps(step)
        if candidate.started_commands or candidate.status is not None
    ]
    what = f"; what it read came from '{read[0].text}'" if read else ""
    fields = {"command": step.text, "what": what}
    quotes = (f"{step.text}: exit status {step.status}",)
    return Match(cause="search_found_nothing", quotes=quotes, fields=fields)


def _match_failed_command(step: ProbeStep) -> Match:
    messages = _last_message(step) or tuple(
        f"{format_failed_call(failure)}" for failure in step.failures[-1:]
    )
    ended = f"it exited {step.status}" if step.status else "it did not do its work"
    fields = {
        "command": step.text,
        "ended": ended,
        "said": "".join(f" and said: {line}" for line in messages) or ", without a word",
    }
    quotes = (f"{step.text}: exit status {step.status}",) if step.status else (step.text,)
    return Match(cause="command_failed", quotes=(*quotes, *messages), fields=fields)


def _match_shell_error(step: ProbeStep) -> Match:
    """Tell what the shell itself failed at without tracing it."""
    messages = _last_message(step) or tuple(
        format_failed_call(failure) for failure in step.failures[-1:]
    )
    return Match(cause="shell_failed", quotes=messages, fields={"said": messages[-1]})


def _last_message(step: ProbeStep) -> tuple[str, ...]:
    """Take the last line that says something; programs close with advice."""
    lines = [line for line in step.output if not _ADVICE.search(line)]
    return tuple(lines[-1:])


def match_unexplained_end(probe: FailedProbe) -> Iterator[Match]:
    """Tell a probe of which no command was seen to fail."""
    ran = [step for step in probe.steps if step.program not in NEUTRAL_BUILTINS and step.argv]
    if probe.observation.rerun and ran and probe.exit_status:
        last_output = "".join(f" (it wrote: {line})" for line in ran[-1].output[-1:])
        fields = {"command": ran[-1].text, "status": str(probe.exit_status), "said": last_output}
        quotes = tuple(step.text for step in probe.steps[-2:])
        yield Match(cause="nothing_failed", quotes=quotes, fields=fields)
