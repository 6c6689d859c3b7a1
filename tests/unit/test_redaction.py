"""Secrets never get through, and what a report is read for does."""

import base64
import io
import json
import random
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from hardgate.redaction import MASK, MIN_ENCODED_CHARS, Redactor
from hardgate.report.log import HOLD_BACK_CHARS, RedactingStream
from tests.unit.runs import TOKEN

KNOWING = Redactor().with_values([TOKEN])
RANDOM = random.Random(4)  # noqa: S311 - made-up tokens need no secrecy


def made_up(prefix: str, length: int, alphabet: str = "aB3dE5gH7jK9mN1pQrStUvWx") -> str:
    """Make a token at run time, so that none stands in this file."""
    return prefix + "".join(RANDOM.choice(alphabet) for _ in range(length))


def key_block(kind: str = "RSA PRIVATE") -> str:
    lines = "\n".join(made_up("MII", 61) for _ in range(6))
    return f"-----BEGIN {kind} KEY-----\n{lines}\n-----END {kind} KEY-----"


FORMS = {
    "as it is": TOKEN,
    "after Bearer": f"Authorization: Bearer {TOKEN}",
    "in base64": base64.b64encode(TOKEN.encode()).decode(),
    "in base64 without padding": base64.b64encode(TOKEN.encode()).decode().rstrip("="),
    "in base64 for URLs": base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    "in URLs": quote(TOKEN, safe=""),
    "in URLs with slashes": quote(TOKEN),
    "in forms": quote_plus(TOKEN),
    "in URLs in lower case": re.sub("%..", lambda one: one[0].lower(), quote(TOKEN)),
    "in JSON": json.dumps({"token": TOKEN})[10:-1],
    "quoted by a shell": TOKEN.replace("'", "'\\''"),
    "in hexadecimal": TOKEN.encode().hex(),
    "broken over lines": "\n".join(TOKEN[start : start + 7] for start in range(0, len(TOKEN), 7)),
    "broken and indented": TOKEN[:10] + "\r\n        " + TOKEN[10:],
    "broken by an escaped line end": TOKEN[:10] + "\\n" + TOKEN[10:],
    "broken by a builder's time stamp": f"#7 0.312 {TOKEN[:9]}\n#7 0.313 {TOKEN[9:]}",
    "coloured in the middle": TOKEN[:5] + "\x1b[1;31m" + TOKEN[5:],
    "with a NUL in the middle": TOKEN[:5] + "\0" + TOKEN[5:],
    "cut at its end": "the log ends here: " + TOKEN[:-4],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_known_value_is_masked_in_every_form(form: str) -> None:
    shown = KNOWING.redact_text(f"+ curl {form}")
    assert MASK in shown
    for size in range(6, len(form)):
        assert form[-size:-2] not in shown


def test_a_known_value_is_masked_where_the_text_begins_in_the_middle_of_it() -> None:
    assert KNOWING.redact_text(f"{TOKEN[4:]} and the log goes on") == f"{MASK} and the log goes on"


@pytest.mark.parametrize("before", ["u:", "us:", "use:", ""])
@pytest.mark.parametrize("after", ["", "x", "@host"])
def test_a_known_value_is_masked_inside_somebody_elses_base64(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{TOKEN}{after}".encode()).decode()
    shown = KNOWING.redact_text(f"X-Auth: {encoded}")
    assert MASK in shown
    assert len(shown) < len("X-Auth: ") + len(MASK) + 15


def test_a_value_of_a_few_characters_is_masked_as_it_is_and_shorter_ones_are_not() -> None:
    redactor = Redactor().with_values(["s3cr", "abc", ""])
    assert redactor.redact_text("pin s3cr abc") == f"pin {MASK} abc"


def test_a_short_value_is_not_found_across_white_space() -> None:
    assert Redactor().with_values(["1000"]).redact_text("10 00") == "10 00"


def test_values_are_not_shown_by_repr() -> None:
    assert TOKEN not in repr(KNOWING)


def test_two_known_values_that_overlap_leave_one_mask() -> None:
    redactor = Redactor().with_values(["abcdefgh", "fghijklm"])
    assert redactor.redact_text("<abcdefghijklm>") == f"<{MASK}>"


SHAPES = [
    "Authorization: Bearer " + made_up("", 12),
    "authorization: basic " + made_up("", 12),
    "-H 'Authorization: token " + made_up("", 9) + "'",
    '\\"Authorization\\": \\"Bearer ' + made_up("", 9) + '\\"',
    "sent Bearer " + made_up("", 20),
    made_up("eyJ", 20) + "." + made_up("eyJ", 30) + "." + made_up("", 30),
    made_up("ghp_", 36),
    made_up("github_pat_", 60),
    made_up("glpat-", 20),
    made_up("xoxb-", 24),
    made_up("sk-ant-api03-", 40),
    made_up("sk-proj-", 40),
    made_up("AKIA", 16, "ABCDEFGHIJKLMNOP234567"),
    made_up("AIza", 35),
    made_up("hf_", 34),
    made_up("npm_", 36),
    made_up("dckr_pat_", 27),
    made_up("pypi-AgEI", 70),
    made_up("sk_live_", 24),
    "password=" + made_up("", 10),
    "DB_PASSWORD='hunter two'",
    'api_key="' + made_up("", 10) + '"',
    '{"client_secret": "' + made_up("", 10) + '"}',
    "{'token': '" + made_up("", 10) + "'}",
    '{"auths": {"x": {"auth": "' + made_up("", 16) + '"}}}',
    "token: " + made_up("", 12) + "1",
    "https://user:" + made_up("", 9) + "@host/path",
    "?access_token=" + made_up("", 9) + "&page=1",
    "login --password " + made_up("", 9),
    key_block(),
    key_block("OPENSSH PRIVATE"),
    key_block().rsplit("\n", 1)[0],
    key_block().split("\n", 1)[1],
    key_block().replace("\n", "\\n"),
]


@pytest.mark.parametrize("secret", SHAPES, ids=lambda secret: secret[:24])
def test_a_secret_that_nobody_told_of_is_masked_by_its_shape(secret: str) -> None:
    shown = Redactor().redact_text(f"first line\n{secret}\nlast line")
    assert MASK in shown
    assert shown.startswith("first line\n")
    assert shown.endswith("\nlast line")
    assert len(shown) < len("first line\n\nlast line") + len(MASK) + 40


HARMLESS = [
    "sha256:" + "9f8e7d6c" * 8,
    "commit 0123456789abcdef0123456789abcdef01234567-dirty",
    "hardgate-3f9c2e7a-workspace",
    "/configs/.auth_token",
    "'/configs/.auth_token' is owned by uid 0, not 1000",
    "auth_token_agent_owned: missed",
    "The token: Permission denied",
    "token=/configs/.auth_token",
    'curl -H "Authorization: Bearer $(cat /configs/.auth_token)"',
    'TOKEN="$(cat /configs/.auth_token)"',
    "password: required",
    "secret: true",
    '{"secret": true, "token": null}',
    "the bearer in that token",
    "bearer token rejected",
    "authorization failed",
    "--contract-sha256 " + "1a2b3c4d" * 8,
    "docker run -u 1000:1000 --name global-workspace-of-the-run-3f9c2e7a",
    "overlay2 /var/lib/docker/overlay2/" + "0a1b2c3d" * 8 + "/merged",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPublicKeysAreNotSecretAtAll agent@host",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUabcdefghijklmnop\n-----END CERTIFICATE-----",
    "GET /list_peers -> 401",
    "http://127.0.0.1:8080/list_peers",
    "task-force-of-many-words-in-a-row-is-no-key",
    "no bearer: http://[::1]:8080/ answers 200",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_a_report_is_read_for_stays_as_it_is(text: str) -> None:
    assert KNOWING.redact_text(text) == text


@pytest.mark.parametrize("text", [*FORMS.values(), *SHAPES])
def test_a_second_pass_changes_nothing(text: str) -> None:
    once = KNOWING.redact_text(text)
    assert KNOWING.redact_text(once) == once


def test_every_string_of_a_json_value_is_masked_and_the_rest_is_kept() -> None:
    assert KNOWING.redact_value(
        {"env": [f"A={TOKEN}", "B=1"], "n": 1, "none": None, "password": "short", TOKEN: (1.5,)}
    ) == {"env": [f"A={MASK}", "B=1"], "n": 1, "none": None, "password": MASK, MASK: [1.5]}


def test_a_flood_is_redacted_in_reasonable_time() -> None:
    flood = ("A" * 500 + " eyJ ghp_ token password bearer " + "+/=" * 100 + "\n") * 1000
    assert len(KNOWING.redact_text(flood)) > MIN_ENCODED_CHARS


def stream(chunks: list[str] | list[bytes], redactor: Redactor = KNOWING) -> str:
    sink = io.StringIO()
    sink_text = ""
    log = RedactingStream(sink, redactor)
    for chunk in chunks:
        log.write(chunk)
        sink_text = sink.getvalue()
    log.flush()
    kept, sink.close = sink.close, lambda: None  # type: ignore[method-assign]
    log.close()
    text = sink.getvalue()
    kept()
    assert text.startswith(sink_text)
    return text


STREAMED = (
    f"one\nBearer {TOKEN} two\n{TOKEN[:11]}\n{TOKEN[11:]}\nthree\n{key_block()}\n"
    f"four ü\npassword={made_up('', 12)}\nfive"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 64, 1000])
def test_a_secret_split_over_chunks_never_gets_through(size: int) -> None:
    chunks = [STREAMED[start : start + size] for start in range(0, len(STREAMED), size)]
    assert stream(chunks) == KNOWING.redact_text(STREAMED)


def test_bytes_are_decoded_across_chunks() -> None:
    raw = STREAMED.encode() + b"\xff"
    chunks = [raw[start : start + 3] for start in range(0, len(raw), 3)]
    assert stream(chunks) == KNOWING.redact_text(STREAMED) + "\ufffd"


def test_whole_lines_are_let_go_at_once() -> None:
    sink = io.StringIO()
    RedactingStream(sink, KNOWING).write("one\ntwo")
    assert sink.getvalue() == "one\n"


def test_a_line_without_end_is_let_go_in_pieces_and_no_secret_with_it() -> None:
    line = ("x" * 1000 + f" Bearer {TOKEN} ") * (3 * HOLD_BACK_CHARS // 1000)
    chunks = [line[start : start + 4093] for start in range(0, len(line), 4093)]
    shown = stream(chunks)
    assert shown.count(MASK) == line.count(TOKEN)
    assert TOKEN[:10] not in shown


def test_a_key_that_never_ends_is_not_waited_for_for_ever() -> None:
    begun = key_block().split("\n-----END")[0]
    shown = stream([begun + "\n", *["a line of words\n"] * (2 * HOLD_BACK_CHARS // 16)])
    assert shown.startswith(MASK)
    assert shown.count("a line of words") == 2 * HOLD_BACK_CHARS // 16


def test_a_redactor_that_learns_counts_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "workspace.log"
    with RedactingStream(path.open("w"), Redactor()) as log:
        log.write("booting\n")
        log.redactor = KNOWING
        log.write(f"my token is {TOKEN}\n")
    log.close()
    assert path.read_text() == f"booting\nmy token is {MASK}\n"
