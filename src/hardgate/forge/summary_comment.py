"""`--comment`: a session's summary as one comment on its pull request, updated in place.

A hidden first line says which session a comment is of, and by which run it was written. Anybody may
write such a line; only a comment of the token's own user is taken for ours, so that nobody else can
change afterwards what stands under it.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from hardgate.errors import HardgateError
from hardgate.forge.api import Comment
from hardgate.forge.detect import open_forge
from hardgate.forge.http import ForgeError
from hardgate.forge.pull_request import PullRequest, read_pull_request
from hardgate.forge.token import TOKEN_VARIABLE, read_forge_token
from hardgate.report.console import Console
from hardgate.system.interruption import Interrupted, raise_on_signals
from hardgate.text.plain import one_line

COMMENT_RIGHTS = (
    "A comment needs 'pull-requests: write' on GitHub, 'write:issue' and 'read:user' on Gitea and "
    "Forgejo; the job of a fork's pull request has none of them"
)
MAX_COMMENT_CHARS = 60_000
"""GitHub refuses more than 65,536."""
_MARKER = re.compile(r"<!-- hardgate ([0-9a-f]{16}) run ([0-9]{1,18})\.([0-9]{1,18}) -->")


def post_summary_comment(
    markdown: str, key: str, console: Console, environ: Mapping[str, str]
) -> None:
    """Write or update the comment; what keeps that from being done is one line, and no verdict."""
    console.redactor = console.redactor.with_values([environ.get(TOKEN_VARIABLE, "").strip()])
    try:
        with raise_on_signals():
            console.print_text(write_summary_comment(markdown, key, environ))
    except Interrupted as interruption:
        console.print_notice(f"No comment was written: {interruption} came.")
    except HardgateError as error:
        rights = "" if error.remedy.startswith("Leave") else f" {COMMENT_RIGHTS}."
        console.print_notice(f"No comment was written. {error.problem}{rights}")
    except Exception as error:
        console.print_notice(
            f"No comment was written. Hardgate itself failed: {type(error).__name__}: {error}."
        )


def write_summary_comment(markdown: str, key: str, environ: Mapping[str, str]) -> str:
    """Write or update the comment of what `key` names; give a sentence about it."""
    pull_request = read_pull_request(environ)
    if pull_request.address.is_unencrypted:
        raise ForgeError(
            f"The forge at '{pull_request.address.base}' would be sent the token unencrypted."
        )
    forge = open_forge(pull_request.address, read_forge_token(environ, None))
    ours = find_own_comment(
        forge.list_comments(pull_request.number), key, forge.read_own_login(), forge.bot_login
    )
    body = make_comment_body(markdown, key, pull_request)
    if ours is None:
        return f"Comment: {forge.create_comment(pull_request.number, body).url}"
    if read_marker(ours.body)[1] > pull_request.run:
        return f"Comment: left as a later run wrote it, {ours.url}"
    return f"Comment: {forge.update_comment(ours.id, body).url}"


def find_own_comment(
    comments: Iterable[Comment], key: str, login: str, bot_login: str
) -> Comment | None:
    """Find the comment that an earlier run wrote; raises ForgeError where its author is unclear.

    `login` is the token's own user. It is empty where the forge does not tell it: the token of a
    job is the forge's own bot's then.
    """
    marked = [one for one in comments if read_marker(one.body)[0] == hash_key(key)]
    ours = [one for one in marked if one.author == (login or bot_login)]
    if marked and not ours and not login:
        raise ForgeError(
            f"There is such a comment of '{one_line(marked[0].author)}', and the forge does not "
            f"tell whether that is the token's user."
        )
    return ours[0] if ours else None


def make_comment_body(markdown: str, key: str, pull_request: PullRequest) -> str:
    """Put a summary between the hidden marker and what it is about."""
    run, attempt = pull_request.run
    footer = " · ".join(
        part
        for part in (
            pull_request.commit and f"Commit {pull_request.commit[:12]}",
            pull_request.run_url and f"[the job's log and reports]({pull_request.run_url})",
        )
        if part
    )
    marker = f"<!-- hardgate {hash_key(key)} run {run}.{attempt} -->"
    return f"{marker}\n{shorten_summary(markdown)}\n{footer}\n"


def shorten_summary(markdown: str, characters: int = MAX_COMMENT_CHARS) -> str:
    """Leave out the last lines of what is too long, and close what is open then."""
    if len(markdown) <= characters:
        return markdown
    kept = markdown[:characters].rpartition("\n")[0]
    still_open = kept.count("<details>") - kept.count("</details>")
    closed = "\n\n</details>\n" * max(0, still_open)
    return f"{kept}{closed}\n\nThe rest is too long for a comment: read the job's reports.\n"


def read_marker(body: str) -> tuple[str, tuple[int, int]]:
    """Read the hidden first line of a comment; empty, and (0, 0), where it has none."""
    found = _MARKER.match(body)
    return (found[1], (int(found[2]), int(found[3]))) if found else ("", (0, 0))


def hash_key(key: str) -> str:
    """Make one short word of what a comment is about."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:16]
