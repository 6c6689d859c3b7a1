"""Which words of a command line are secrets: by the name that they are given, or by their looks."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hardgate.redaction import MIN_ENCODED_CHARS, MIN_REDACTED_CHARS, Redactor
from hardgate.secret_patterns import find_shapes, is_secret_name

MAX_SECRET_BYTES = 512 * 1024
"""As much of a secret's file as a builder takes."""

_SECRET_MARKS = re.compile(
    r"TOKEN|SECRET|PASS|PWD|CREDENTIAL|COOKIE|WEBHOOK|DSN|PRIVATE|BEARER|JWT|SALT"
    r"|(?:^|[_-])\w{0,12}KEYS?(?:$|[_-])|APIKEY"
    r"|(?:^|[_-])AUTH(?:$|[_-])|(?:^|[_-])PIN(?:$|[_-])",
)
_PUBLIC_MARKS = re.compile(
    r"COMMIT|SHA\d*$|DIGEST|REVISION|VERSION|CHECKSUM|HASH$|IMAGE|DATE$|_ID$|PUBLIC|COMPASS"
)
"""Names of what looks random and is what a report is read for."""
_PLAIN_PART = re.compile(r"[A-Za-z]*\d{0,4}|\d+|v?\d+[a-z]{0,5}\d*", re.ASCII)
_SEPARATORS = re.compile(r"[-_./:,=+@ \t~]")
_TRIVIAL = frozenset({"true", "false", "none", "null", "yes", "no", "on", "off"})


def pick_secret_values(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Pick what no report may show, of names and values."""
    for name, value in pairs:
        if looks_named_secret(name, value) or looks_secret(name, value):
            yield value


def looks_named_secret(name: str, value: str) -> bool:
    """Tell by the name; a path or a switch under such a name is none."""
    named = _SECRET_MARKS.search(name.upper()) or is_secret_name(name)
    trivial = value.lower() in _TRIVIAL or value.startswith(("/", "./", "~/"))
    return bool(named) and len(value) >= MIN_REDACTED_CHARS and not trivial


def looks_secret(name: str, value: str) -> bool:
    """Tell by the looks: long, and neither a word, a number, a version nor a path."""
    if len(value) < MIN_ENCODED_CHARS or _PUBLIC_MARKS.search(name.upper()) or " " in value:
        return False
    return not all(_PLAIN_PART.fullmatch(part) for part in _SEPARATORS.split(value))


def pick_written_secrets(texts: Iterable[str]) -> Iterator[str]:
    """Pick the credentials that stand in a contract's own texts, where they ought not to.

    What prints them may write them in another way than the contract does, so they are known by
    value from then on.
    """
    for text in texts:
        for start, end in find_shapes(text):
            value = text[start:end].strip("'\"")  # as a shell takes it
            if looks_secret("", value):
                yield value


def read_build_secrets(specs: Iterable[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Read what '--secret' hands to a build: `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`."""
    for spec in specs:
        fields = dict(part.partition("=")[::2] for part in spec.split(","))
        if "env" in fields:
            yield environ.get(fields["env"], "")
            continue
        file = fields.get("src") or fields.get("source") or ""
        if file:
            yield from _read_secret_file(Path(file))
        elif fields.get("id"):
            yield environ.get(fields["id"], "")
            yield from _read_secret_file(Path(fields["id"]))


def _read_secret_file(file: Path) -> Iterator[str]:
    try:
        if file.is_file():
            with file.open("rb") as stream:
                yield stream.read(MAX_SECRET_BYTES).decode(errors="replace")
    except OSError:
        return  # The builder cannot read it either, and says so.


def redactor_of_command_line(argv: Sequence[str], environ: Mapping[str, str]) -> Redactor:
    """Know the secrets of any command line, also of a wrong one, for what is printed of it."""
    pairs: list[tuple[str, str]] = []
    specs: list[str] = []
    for option, word in _iter_options(argv):
        if option == "--secret":
            specs.append(word)
        elif option == "--env-file":
            for text in _read_secret_file(Path(word)):
                pairs += [_split_pair(line.strip(), environ) for line in text.split("\n")]
        else:
            pairs.append(_split_pair(word, environ))
    return Redactor().with_values([*pick_secret_values(pairs), *read_build_secrets(specs, environ)])


def _iter_options(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    known = ("--build-arg", "--env", "--env-file", "--secret")
    for word, following in zip(argv, (*argv[1:], ""), strict=False):
        option, equals, value = word.partition("=")
        if option in known:
            yield option, value if equals else following


def _split_pair(pair: str, environ: Mapping[str, str]) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    return name, value if equals else environ.get(name, "")
