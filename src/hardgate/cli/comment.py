"""The option `--comment`, and what it makes of a session's summary. No command itself."""

import argparse
import os
from collections.abc import Mapping
from importlib import import_module

from hardgate.report.console import Console
from hardgate.report.job_summary import PublishSummary, append_job_summary


def add_comment_option(parser: argparse._ActionsContainer) -> None:
    """Add whether the summary becomes a comment, too."""
    parser.add_argument(
        "--comment",
        action="store_true",
        help="write the result as a comment on the job's pull request, or update that comment "
        "(the token is read from HARDGATE_FORGE_TOKEN)",
    )


def make_summary_publisher(
    values: argparse.Namespace,
    session: str,
    subject: str,
    console: Console,
    environ: Mapping[str, str] = os.environ,
) -> PublishSummary:
    """Give what publishes a summary; `session` and `subject` say which comment is updated."""
    if not values.comment:
        return append_job_summary

    def publish(markdown: str) -> None:
        append_job_summary(markdown, environ)
        # Loaded here: requests is slow to load, and few runs comment.
        summary_comment = import_module("hardgate.forge.summary_comment")
        summary_comment.post_summary_comment(markdown, f"{session} {subject}", console, environ)

    return publish
