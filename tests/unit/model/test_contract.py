"""Contracts: what is taken, what is warned of, and what is refused, with line and remedy."""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hardgate.cli.main import main
from hardgate.errors import ContractError, ExitCode
from hardgate.model.contract import Contract, Severity, Subject, load_contract, parse_contract
from hardgate.model.contract_fields import ProbeUser
from hardgate.schema import source
from tests.serving import serve

GOOD = """\
version: 1
agent_uid: 1000
capabilities:
  - name: agent_home
    description: The agent can write to its home.
    severity: hard
    source: It was missing once.
    probe: test -w /agent-home
"""
ELSEWHERE = """\
# written by another program
version: 1
agent_uid: 1001
capabilities:
  - name: "Egress.https-2"
    description: "Any target answers, \\"2xx\\" or 3xx \\u2014 over HTTPS."
    severity: advisory
    source: "task #174; §2"
    probe: "for u in $T; do\\n\\tcurl -s \\"$u\\" >/dev/null && exit 0\\ndone; exit 1"
    required_egress:
      - "https://example.org/api/v1/version"
      - http://10.0.0.7:3000
    owner: [a, {since: 2024-01-01, yes: no, 7: x}]
    x-notes: {}
"""


def parse(text: str) -> Contract:
    return parse_contract(text.encode("utf-8", "surrogatepass"), "x.yaml")


def refuse(data: bytes | str) -> ContractError:
    with pytest.raises(ContractError) as caught:
        parse_contract(data if isinstance(data, bytes) else data.encode(), "x.yaml")
    assert caught.value.exit_code is ExitCode.MISUSED
    assert caught.value.remedy
    return caught.value


def with_line(number: int, line: str) -> str:
    """GOOD with one of its lines replaced; lines count from 1, as the messages do."""
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def with_field(line: str) -> str:
    return f"{GOOD}    {line}\n"


def test_a_contract_is_read_to_the_byte() -> None:
    contract = parse(GOOD)
    capability = contract.capabilities[0]
    assert (contract.version, contract.agent_uid, contract.warnings) == (1, 1000, ())
    assert contract.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert capability.name == "agent_home"
    assert capability.severity is Severity.HARD
    assert capability.probe == "test -w /agent-home"
    assert capability.line == 4
    assert (capability.timeout, capability.secret, capability.rerun) == (None, False, True)


def test_a_contract_written_elsewhere_is_taken_as_it_is() -> None:
    contract = parse(ELSEWHERE)
    capability = contract.capabilities[0]
    assert capability.name == "Egress.https-2"
    assert capability.severity is Severity.ADVISORY
    assert capability.probe.splitlines()[1] == '\tcurl -s "$u" >/dev/null && exit 0'
    assert capability.required_egress == (
        "https://example.org/api/v1/version",
        "http://10.0.0.7:3000",
    )
    assert contract.warnings == (
        "Contract 'x.yaml' line 13: capability 'Egress.https-2' has a field 'owner', "
        "which is not known here. It is skipped.",
        "Contract 'x.yaml' line 14: capability 'Egress.https-2' has a field 'x-notes', "
        "which is not known here. It is skipped.",
    )


def test_a_contract_in_json_is_yaml_too_and_keeps_its_surrogate_pairs() -> None:
    capability = {
        "name": "a",
        "description": "says \U0001f600",
        "severity": "hard",
        "source": "s",
        "probe": "echo \U0001f600",
    }
    text = json.dumps({"version": 1, "agent_uid": 1000, "capabilities": [capability]})
    assert "\\ud83d" in text
    assert parse(text).capabilities[0].probe == "echo \U0001f600"


@pytest.mark.parametrize(
    ("block", "probe"),
    [
        ("probe: |\n      a\n        b\n\n      c\n", "a\n  b\n\nc\n"),
        ("probe: |-\n      a  \n", "a  "),
        ("probe: >\n      a\n      b\n", "a b\n"),
        ('probe: "a\\r\\n\\tb"\n', "a\r\n\tb"),
        ("probe: 'it''s'\n", "it's"),
        ("probe: |\n      # a comment\n      exit 1\n", "# a comment\nexit 1\n"),
        ("probe: '[ \"$(id -u)\" = {{ uid }} ]'\n", '[ "$(id -u)" = {{ uid }} ]'),
    ],
)
def test_every_way_to_write_a_probe_gives_the_script_meant(block: str, probe: str) -> None:
    assert parse(with_line(8, f"    {block}")).capabilities[0].probe == probe


@pytest.mark.parametrize("end", ["\\u2028", "\\u2029", "\\v", "\\f", "\\x85", "\\x1c"])
def test_what_no_shell_ends_a_line_at_makes_no_command_of_a_comment(end: str) -> None:
    """L20: to a shell it is one comment, which always passes."""
    with pytest.raises(ContractError, match="holds comments alone"):
        parse(with_line(8, f'    probe: "# a comment{end}exit 1"'))


def test_our_own_fields_are_read() -> None:
    capability = parse(
        GOOD + "    hint: Make it.\n    timeout: 2.5\n    secret: true\n    rerun: false\n"
    ).capabilities[0]
    assert capability.hint == "Make it."
    assert capability.timeout == 2.5
    assert capability.secret
    assert not capability.rerun


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        (
            "severty: hard",
            "has a field 'severty', which is not known here. It is skipped.",  # severity is there
        ),
        ("timout: 3", "has a field 'timout', which is not known here. Did you mean 'timeout'?"),
        ("Hint: x", "has a field 'Hint', which is not known here. Did you mean 'hint'?"),
        ("on: push", "has a field 'on', which is not known here. It is skipped."),
        ('"a\\e[2J": 1', "has a field 'a\\x1b[2J', which is not known here. It is skipped."),
    ],
)
def test_an_unknown_field_is_a_warning_with_its_line(line: str, warning: str) -> None:
    contract = parse(with_field(line))
    assert contract.warnings == (f"Contract 'x.yaml' line 9: capability 'agent_home' {warning}",)


def test_an_unknown_field_of_the_contract_is_a_warning() -> None:
    assert parse(GOOD + "required_egres: []\n").warnings == (
        "Contract 'x.yaml' line 9: the contract has a field 'required_egres', "
        "which is not known here. It is skipped.",
    )


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("timeout: 30s", "timeout", None),
        ("timeout: 0", "timeout", None),
        ("timeout: -1", "timeout", None),
        ("timeout: .inf", "timeout", None),
        ("timeout: 1e3", "timeout", None),
        ("timeout: true", "timeout", None),
        ("timeout: 86400", "timeout", None),
        ("secret: vault/key", "secret", True),
        ('secret: "false"', "secret", True),
        ("secret:", "secret", True),
        ("rerun: never", "rerun", False),
        ("rerun: [1]", "rerun", False),
        ("hint: {a: b}", "hint", ""),
        ('hint: "\\e[2J"', "hint", ""),
    ],
)
def test_a_foreign_field_of_our_name_is_skipped_on_the_careful_side(
    line: str, field: str, value: object
) -> None:
    contract = parse(with_field(line))
    assert getattr(contract.capabilities[0], field) == value
    assert len(contract.warnings) == 1
    assert f"line 9: '{field}' of capability 'agent_home' " in contract.warnings[0]


def test_a_byte_order_mark_is_skipped_and_told() -> None:
    contract = parse_contract(b"\xef\xbb\xbf" + GOOD.encode(), "x.yaml")
    assert contract.warnings == (
        "Contract 'x.yaml' line 1: It begins with a byte order mark. It is skipped.",
    )


def test_a_control_character_in_a_probe_is_run_and_told() -> None:
    contract = parse(with_line(8, '    probe: "printf \\"\\e[1m\\"; exit 1"'))
    assert "\x1b" in contract.capabilities[0].probe
    assert "holds a control character (U+001B)" in contract.warnings[0]


@pytest.mark.parametrize(
    ("number", "line", "problem", "remedy"),
    [
        (1, "version: 2", "'version' of the contract is 2", "reads version 1"),
        (1, "version: 0", "'version' of the contract is 0", "reads version 1"),
        (1, 'version: "1"', "is a text, not a whole number", "without quotes"),
        (1, "version: 1.0", "is '1.0', not a whole number", "version 1"),
        (1, "version: true", "is 'true', not a whole number", "version 1"),
        (1, "version: 0x1", "is '0x1', not a whole number", "version 1"),
        (1, "version: 01", "is '01', not a whole number", "version 1"),
        (1, "version: [1]", "is a list", "version 1"),
        (1, "version:", "'version' of the contract is empty", "version 1"),
        (2, "agent_uid: 0", "'agent_uid' of the contract is 0", "never root"),
        (2, "agent_uid: -1", "is -1", "never root"),
        (2, "agent_uid: 2147483648", "is 2147483648", "2147483647"),
        (2, f"agent_uid: {'9' * 5000}", "not a whole number", "2147483647"),
        (2, "agent_uid: true", "is 'true', not a whole number", "without quotes"),
        (2, "agent_uid: agent", "is a text, not a whole number", "without quotes"),
        (2, "agent_uid: 1_000", "is '1_000', not a whole number", "without quotes"),
        (2, "agent_uid: 16:40", "is '16:40', not a whole number", "without quotes"),
        (2, "agent_uid: 1000.0", "is '1000.0', not a whole number", "without quotes"),
        (4, "  - name: 123", "is 123, which YAML takes for a number", "quotes"),
        (4, "  - name: no", "is no, which YAML takes for a boolean", "quotes"),
        (4, "  - name: 2024-01-01", "which YAML takes for a date", "quotes"),
        (4, "  - name: =", "which YAML takes for a special value", "quotes"),
        (4, "  - name:", "'name' of capability 1 is empty", "Write a name."),
        (4, "  - name: ''", "'name' of capability 1 is empty", "Write a name."),
        (4, "  - name: ' a'", "begins or ends with white space", "Remove"),
        (4, '  - name: "a\\nb"', "cannot be printed", "plain"),
        (4, '  - name: "a\\u202Eb"', "cannot be printed", "plain"),
        (4, f"  - name: {'n' * 201}", "longer than 200", "elsewhere"),
        (4, "  - name: [a]", "'name' of capability 1 is a list", "Write a name."),
        (5, "    description: ' '", "'description' of capability 'agent_home' is empty", "Write"),
        (5, '    description: "a\\e[2J"', "holds a control character (U+001B)", "plain text"),
        (5, "    description: {a: b}", "is a mapping, not a text", "Write a text."),
        (6, "    severity: no", "is no, which YAML takes for a boolean", "'hard' or 'advisory'"),
        (6, "    severity: hrad", "'severity' of capability 'agent_home' is 'hrad'", "'hard'?"),
        (6, "    severity: HARD", "is 'HARD'", "Did you mean 'hard'?"),
        (6, "    severity: critical", "is 'critical'", "Use 'hard' or 'advisory'."),
        (6, "    severity:", "is empty", "Write 'hard' or 'advisory'."),
        (7, "    source: ~", "'source' of capability 'agent_home' is empty", "Write a text."),
        (8, "    probe:", "'probe' of capability 'agent_home' is empty", "shell script"),
        (8, '    probe: " \\n\\t"', "is empty", "shell script"),
        (8, '    probe: "# later\\n\\n #"', "would always pass", "Write a command"),
        (8, "    probe: true", "which YAML takes for a boolean", "quotes"),
        (8, "    probe: [sh, -c, x]", "is a list, not a shell script", "shell script"),
        (8, '    probe: "a\\0b"', "makes a NUL", "Leave it out"),
        (8, '    probe: "a\\ud800b"', "half of a surrogate pair", "character itself"),
        (8, '    probe: "a\\ude00\\ud83d"', "half of a surrogate pair", "character itself"),
        (8, f"    probe: {'x' * 65537}", "is larger than 64 KiB", "into the image"),
        (8, f"    probe: {'ü' * 32769}", "is larger than 64 KiB", "into the image"),
        (8, "    probe: !!str x", "the tag '!!str' changes", "Leave it out"),
        (8, "    probe: ! x", "the tag '!' changes", "quotes"),
        (8, "    probe: !vault x", "the tag '!vault' changes", "quotes"),
        (8, "    probe: &p x", "the anchor or alias 'p'", "Write the text out"),
        (8, "    probe: *p", "the anchor or alias 'p'", "Write the text out"),
        (8, "    <<: {probe: x}", "'<<' merges", "Write its fields out"),
        (8, "    name: again", "the key 'name' stands here again, after line 4", "Keep one"),
        (8, '    "severity": hard', "the key 'severity' stands here again", "Keep one"),
        (8, "    ? [a]\n    : b", "a key is a list or a mapping", "word"),
        (8, "   probe: x", "this is not YAML", "Indent"),
        (8, "\tprobe: x", "this is not YAML", "spaces"),
        (8, "    probe: a: b", "this is not YAML", "quotes"),
        (8, "    probe: 'x", "this is not YAML", "quotes"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line_and_a_remedy(
    number: int, line: str, problem: str, remedy: str
) -> None:
    error = refuse(with_line(number, line))
    assert problem in error.problem
    assert remedy in error.remedy
    if "not YAML" not in problem:  # there the line is where the parser noticed
        assert error.problem.startswith(f"Contract 'x.yaml' line {number}: ")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "version"),
        (2, "agent_uid"),
        (5, "description"),
        (6, "severity"),
        (7, "source"),
        (8, "probe"),
    ],
)
def test_a_missing_field_is_refused(number: int, name: str) -> None:
    error = refuse(with_line(number, ""))
    assert f"has no '{name}'" in error.problem
    assert error.remedy.startswith(f"Add '{name}': ")


def test_a_missing_field_is_found_in_its_misspelling() -> None:
    error = refuse(with_line(6, "    severty: hard"))
    assert error.problem == ("Contract 'x.yaml' line 4: capability 'agent_home' has no 'severity'.")
    assert error.remedy == "Did you mean it by 'severty' in line 6?"


HEAD = "version: 1\nagent_uid: 1000\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "line 1: it holds nothing"),
        (b"# only a comment\n", "line 1: it holds nothing"),
        (b"~\n", "the contract is not a mapping of fields"),
        (b"- a\n", "the contract is not a mapping of fields"),
        (b"just words\n", "the contract is not a mapping of fields"),
        (HEAD, "the contract has no 'capabilities'"),
        (HEAD + "capabilities: []\n", "line 3: 'capabilities' of the contract is empty"),
        (HEAD + "capabilities:\n", "line 3: 'capabilities' of the contract is empty"),
        (HEAD + "capabilities: {a: b}\n", "is a mapping, not a list of capabilities"),
        (HEAD + "capabilities: all\n", "is a single value, not a list of capabilities"),
        (HEAD + "capabilities:\n  - a\n", "line 4: capability 1 is not a mapping of fields"),
        (HEAD + "capabilities:\n  -\n", "line 4: capability 1 is not a mapping of fields"),
        (HEAD + "version: 1\n", "line 3: the key 'version' stands here again, after line 1"),
        (GOOD + GOOD.partition("capabilities:\n")[2], "line 9: the name 'agent_home' is used ag"),
        (GOOD + "x: {a: 1, a: 2}\n", "line 9: the key 'a' stands here again"),
        (GOOD + 'x: "\\0"\n', "line 9: an escape in here makes a NUL"),
        (GOOD + 'x: "\\UFFFFFFFF"\n', "out of all bounds"),
        (GOOD + "---\n" + GOOD, "line 9: a second document begins here"),
        (GOOD + "---\n", "line 9: a second document begins here"),
        (GOOD.encode("utf-16"), "line 1: this is not UTF-8"),
        (GOOD.encode("utf-16-le"), "line 1: no YAML file may hold the character U+0000"),
        (GOOD.encode() + b"x: \xe9\n", "line 9: this is not UTF-8"),
        (GOOD.encode() + b"x: \xed\xa0\x80\n", "line 9: this is not UTF-8"),
        (GOOD.encode() + b"# \x00\n", "line 9: no YAML file may hold the character U+0000"),
        (GOOD.encode() + b"# \x1b[2J\n", "line 9: no YAML file may hold the character U+001B"),
        (GOOD + "x: " + "[" * 30 + "]" * 30, "line 9: it is nested deeper than 20"),
        (GOOD + "x:\n" + "\n".join(f"{' ' * n}- " for n in range(1, 40)), "nested deeper"),
        ("[" * 200_000, "line 1: it is nested deeper than 20"),
        ("{a: " * 60_000, "line 1: it is nested deeper than 20"),
        (GOOD + "x: [" + "1," * 100_000 + "]", "it holds more than 20000 values"),
        (GOOD + "#" * 262_144, "line 1: it is larger than 256 KiB"),
        ("%YAML 2.0\n---\n" + GOOD, "this is not YAML"),
        (f"%YAML 1.{'9' * 5000}\n---\n" + GOOD, "out of all bounds"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_a_file_that_is_no_contract_is_refused(data: bytes | str, problem: str) -> None:
    assert problem in refuse(data).problem


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("https://example.org", "is a single value, not a list of URLs"),
        ("{a: b}", "is a mapping, not a list of URLs"),
        ("", "'required_egress' of capability 'agent_home' is empty"),
        ("[1]", "is 1, which YAML takes for a number"),
        ("['']", "is empty"),
        ("[example.org]", "holds 'example.org', which is not an http or https URL"),
        ("['ftp://example.org/']", "which is not an http or https URL"),
        ("['https://']", "which is not an http or https URL"),
        ("['https://example.org:x/']", "which is not an http or https URL"),
        ("['https://[::1/']", "which is not an http or https URL"),
        ("['https://a.example b.example']", "holds a URL that cannot be used"),
        ('["https://a.example\\n"]', "holds a URL that cannot be used"),
        (f"['https://example.org/{'a' * 2048}']", "holds a URL that cannot be used"),
        ("['https://user:word@example.org/']", "with a user or a password"),
        ("['ftp://user:word@example.org/']", "with a user or a password"),
        ("['https://user@example.org/']", "with a user or a password"),
    ],
)
def test_egress_targets_that_cannot_be_used_are_refused(urls: str, problem: str) -> None:
    error = refuse(with_field(f"required_egress: {urls}"))
    assert problem in error.problem
    assert "word@" not in str(error)


@pytest.mark.parametrize("urls", ["[]", "['https://example.org/@me?a=b', 'HTTP://10.0.0.1:8080']"])
def test_egress_targets_that_can_be_used_are_taken(urls: str) -> None:
    assert not parse(with_field(f"required_egress: {urls}")).warnings


def test_a_file_is_loaded_and_its_hash_compared(tmp_path: Path) -> None:
    path = tmp_path / "with space.yaml"
    path.write_text(GOOD, encoding="utf-8")
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    assert load_contract(str(path)).sha256 == digest
    assert load_contract(str(path), sha256=digest.upper()).origin == str(path)
    with pytest.raises(ContractError, match="was asked for"):
        load_contract(str(path), sha256="0" * 64)
    with pytest.raises(ContractError, match="is not a sha256"):
        load_contract(str(path), sha256="abc")


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_a_pin_that_was_asked_for_and_is_empty_is_no_leave_to_take_any_bytes(
    tmp_path: Path, nothing: str
) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ContractError, match="The sha256 to pin is empty"):
        load_contract(str(path), sha256=nothing)


def test_a_missing_file_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "t4.yaml").touch()
    with pytest.raises(ContractError, match=r"does not exist\. Did you mean 't4\.yaml'\?"):
        load_contract(str(tmp_path / "t4.yml"))
    with pytest.raises(ContractError, match="does not exist"):
        load_contract(str(tmp_path / "no" / "t4.yaml"))


def test_what_is_no_regular_file_is_refused_without_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, problem in (
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "pipe"), "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        (str(tmp_path / "loop"), "cannot be read"),
        ("n" * 300, "cannot be read"),
    ):
        with pytest.raises(ContractError, match=problem):
            load_contract(name)


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "sparse.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ContractError, match="larger than 256 KiB"):
        load_contract(str(path), sha256="0" * 64)


PAGES = {
    "/t4.yaml": GOOD.encode(),
    "/big": b"#" * 400_000,
    "/short": b"version: 1",
    "/drip": b"",
}
OVER = threading.Event()


class Pages(BaseHTTPRequestHandler):
    """A small web site of contracts."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in ("/loop", "/once"):
            self.send_response(302)
            self.send_header("Location", {"/loop": "/loop", "/once": "/t4.yaml"}[path])
            self.end_headers()
            return
        if path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
            return
        body = PAGES.get(path)
        self.send_response(404 if body is None else 200)
        if path == "/short":
            self.send_header("Content-Length", "100000")
        self.end_headers()
        if path == "/drip":
            self.drip()
        self.wfile.write(body or b"")

    def drip(self) -> None:
        with contextlib.suppress(OSError):
            while not OVER.wait(0.02):
                self.wfile.write(b"#")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serve(ThreadingHTTPServer(("127.0.0.1", 0), Pages)) as server:
        yield f"http://127.0.0.1:{server.server_port}"
        OVER.set()


DIGEST = hashlib.sha256(GOOD.encode()).hexdigest()


def test_a_pinned_url_is_fetched_and_its_query_not_repeated(site: str) -> None:
    contract = load_contract(f"{site}/once?token=abc#x", sha256=DIGEST)
    assert contract.origin == f"{site}/once"
    assert contract.sha256 == DIGEST


@pytest.mark.parametrize(
    ("path", "digest", "problem"),
    [
        ("/t4.yaml", None, "may change"),
        ("/t4.yaml", "", "is empty"),
        ("/t4.yaml", "0" * 64, "was asked for"),
        ("/missing?token=abc", DIGEST, r"could not be fetched \(HTTPError\)"),
        ("/loop", DIGEST, r"could not be fetched \(TooManyRedirects\)"),
        ("/away", DIGEST, "could not be fetched"),
        ("/short", DIGEST, "could not be fetched"),
        ("/big", DIGEST, "larger than 256 KiB"),
    ],
)
def test_a_url_that_cannot_be_believed_is_refused(
    site: str, path: str, digest: str | None, problem: str
) -> None:
    with pytest.raises(ContractError, match=problem) as caught:
        load_contract(site + path, sha256=digest)
    assert "abc" not in str(caught.value) + caught.value.evidence


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://example.org/t4.yaml", "is not an http or https URL"),
        ("file:///etc/passwd", "is not an http or https URL"),
        ("https:///t4.yaml", "is not an http or https URL"),
        ("https://user:word@example.org/t4.yaml", "with a user or a password"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_before_it_is_fetched(url: str, problem: str) -> None:
    with pytest.raises(ContractError, match=problem) as caught:
        load_contract(url, sha256=DIGEST)
    assert ":word" not in str(caught.value)
    assert caught.value.remedy


def test_an_answer_that_drips_is_not_waited_for(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FETCH_SECONDS", 0.3)
    with pytest.raises(ContractError, match="did not come within") as caught:
        load_contract(f"{site}/drip", sha256=DIGEST)
    assert "by hand" in caught.value.remedy


def test_nobody_at_the_other_end_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ContractError, match="could not be fetched") as caught:
        load_contract("http://127.0.0.1:9/t4.yaml", sha256=DIGEST)
    assert "by hand" in caught.value.remedy


HOST = """\
version: 1
subject: host
variables:
  - HARDGATE_DISK_MIB
  - HARDGATE_FORGE_URL
capabilities:
  - name: disk_free
    description: There is room.
    severity: hard
    source: A disk was full once.
    user: root
    probe: '[ "$(room)" -ge "${HARDGATE_DISK_MIB}" ]'
  - name: forge_reachable
    description: The forge answers.
    severity: hard
    source: A runner looked idle.
    probe: curl "$HARDGATE_FORGE_URL"
"""


def test_a_contract_is_about_a_workspace_where_it_does_not_say() -> None:
    contract = parse(GOOD)
    assert (contract.subject, contract.variables) == (Subject.WORKSPACE, ())
    assert parse(GOOD.replace("agent_uid", "subject: workspace\nagent_uid")).warnings == ()


def test_a_hosts_contract_has_users_and_variables_and_no_agent() -> None:
    contract = parse(HOST)
    assert contract.subject is Subject.HOST
    assert contract.agent_uid is None
    assert contract.variables == ("HARDGATE_DISK_MIB", "HARDGATE_FORGE_URL")
    assert [one.user for one in contract.capabilities] == [ProbeUser.ROOT, ProbeUser.RUNNER]
    assert contract.warnings == ()


def test_without_an_agent_a_workspaces_contract_is_refused_and_a_host_is_offered() -> None:
    error = refuse(with_line(2, ""))
    assert error.problem == "Contract 'x.yaml' line 1: the contract has no 'agent_uid'."
    assert error.remedy.endswith("or 'subject: host', where the probes look at a host.")


@pytest.mark.parametrize(
    ("before", "after", "problem", "remedy"),
    [
        ("HARDGATE_DISK_MIB\n", "HARDGATE_DISK_MB\n", "line 4: 'variables'", "HARDGATE_DISK_MIB'?"),
        ("HARDGATE_DISK_MIB\n", "PATH\n", "holds 'PATH', which is not known", "Use some of HARDGA"),
        ("HARDGATE_DISK_MIB\n", "HARDGATE_FORGE_URL\n", "'HARDGATE_FORGE_URL' twice", "Leave one"),
        ("  - HARDGATE_DISK_MIB\n", "", "asks for 'HARDGATE_DISK_MIB', which", "Add it to"),
        (
            "$HARDGATE_FORGE_URL",
            "$HARDGATE_FORGE_UR",
            "asks for 'HARDGATE_FORGE_UR'",
            "Did you mean",
        ),
        ("user: root", "user: rot", "'user' of capability 'disk_free' is 'rot'", "'root'?"),
        ("user: root", "user: admin", "is 'admin'", "Use 'runner' or 'root'."),
        ("user: root", "user: 0", "is 0, which YAML takes for a number", "'runner' or 'root'"),
        ("variables:\n", "variables: all\nx:\n", "is a single value, not a list of names", "- "),
    ],
)
def test_what_is_wrong_about_a_host_is_refused(
    before: str, after: str, problem: str, remedy: str
) -> None:
    assert before in HOST
    error = refuse(HOST.replace(before, after, 1))
    assert problem in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (GOOD + "    user: root\n", "has a field 'user', which is not known here"),
        (GOOD + "variables: [HARDGATE_DISK_MIB]\n", "has a field 'variables', which is not known"),
        (GOOD + "subject: something of theirs\n", "'subject' of the contract is 'something of"),
        (GOOD + "subject: {a: b}\n", "'subject' of the contract is a mapping"),
        (HOST + "agent_uid: 1000\n", "has a field 'agent_uid', which is not known here"),
        (HOST + "    required_egress: []\n", "has a field 'required_egress', which is not known"),
    ],
)
def test_what_belongs_to_the_other_subject_or_to_others_is_skipped_with_a_warning(
    text: str, warning: str
) -> None:
    (told,) = parse(text).warnings
    assert warning in told


def test_a_contract_of_the_other_subject_is_refused_and_told_where_it_belongs(
    tmp_path: Path,
) -> None:
    host, workspace = tmp_path / "host.yaml", tmp_path / "workspace.yaml"
    host.write_text(HOST)
    workspace.write_text(GOOD)
    with pytest.raises(ContractError, match=r"is a host, and a workspace is .*hardgate runner"):
        load_contract(str(host))
    with pytest.raises(ContractError, match=r"is a workspace, and a host is .*hardgate gate"):
        load_contract(str(workspace), subject=Subject.HOST)
    assert load_contract(str(host), subject=None).subject is Subject.HOST


@pytest.mark.parametrize("command", ["gate", "runtime", "secrets", "adapter", "validate"])
def test_commands_about_images_refuse_a_hosts_contract(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(HOST)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert main([command, "--context", str(tmp_path), "--contract", str(file)]) == 2
    assert "Probe hosts by 'hardgate runner'" in capsys.readouterr().err
