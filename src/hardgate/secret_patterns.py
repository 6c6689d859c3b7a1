"""What a secret looks like that nobody told us of: spans in a text, by well-known shapes.

Conservative on purpose. A digest, a run's id or a path looks random too and is what a report is
read for, so nothing is found by its randomness: a secret has a vendor's prefix, or a name before
it. Prefixes come from the vendors' own documentation of their tokens.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]

LONGEST_KEY = 32_768
"""Characters between the first and the last line of a private key; the largest have 13,000."""

_NAMES = (
    r"(?:passw(?:or)?d|passphrase|secret|token|credentials?"
    r"|(?:api|access|secret|private|account|auth)[_-]?key)"
)
_NOT_A_VALUE = r"(?!(?:true|false|none|null|yes|no|sha256:[0-9a-f]*)(?![^\s\"',;&)]))"


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """A pattern, tried where one of the needles occurs. Its group 1, if any, is what stays."""

    needles: tuple[str, ...]
    """In lower case."""
    pattern: re.Pattern[str]


def _shape(pattern: str, *needles: str, flags: int = 0) -> _Shape:
    return _Shape(needles=needles, pattern=re.compile(pattern, flags))


_SHAPES = (
    _shape(
        r"(authorization[\\\"']{0,3}\s{0,3}[:=]\s{0,3}[\\\"']{0,3}"
        r"(?:(?:bearer|basic|token|digest)[ \t]+)?)"
        r"(?!(?:bearer|basic|token|digest)\b|https?://)[^\s\"'\\,$<\[][^\s\"'\\,]{3,}",
        "authorization",
        flags=re.IGNORECASE,
    ),
    _shape(
        r"\b(bearer[ \t]+)(?!https?:/)(?=\S*\d|\S{16})[A-Za-z0-9._~+/=-]{6,}",
        "bearer",
        flags=re.IGNORECASE,
    ),
    _shape(r"\beyJ[\w-]{8,}+(?:(?P<whole>\.[\w-]{8,}+[\w.-]*+)|)", "eyj"),
    _shape(r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{22,}", "gh", "github_pat_"),
    _shape(r"\bgl(?:pat|oas|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|dt|wt)-[\w.-]{20,}", "gl"),
    _shape(r"\b(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}", "xox", "xapp-"),
    _shape(r"\bsk-[\w-]{20,}|\b[rs]k_(?:live|test)_\w{16,}|\bgsk_\w{20,}", "sk-", "k_"),
    _shape(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "akia", "asia"),
    _shape(r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}", "aiza", "ya29.", "gocspx-"),
    _shape(r"\b(?:hf|npm|r8)_[A-Za-z0-9]{30,}|\bdckr_pat_[\w-]{20,}", "hf_", "npm_", "r8_", "dckr"),
    _shape(r"\bpypi-[\w-]{50,}|\bxai-\w{40,}|\bdo[opr]_v1_[0-9a-f]{64}", "pypi-", "xai-", "_v1_"),
    _shape(r"\bSG\.[\w-]{16,}\.[\w-]{16,}|\bhv[bsr]\.[\w-]{20,}", "sg.", "hv"),
    _shape(r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}", "age-secret-key-1"),
    _shape(r"\bATBB[A-Za-z0-9]{32}|\bATATT3[\w=-]{100,}", "atbb", "atatt3"),
    _shape(r"\brubygems_[0-9a-f]{48}|\bcio[A-Za-z0-9]{32}\b", "rubygems_", "cio"),
    _shape(r"\boy2[a-z0-9]{43}\b|\bpplx-\w{40,}|\bHRKU-AA[\w-]{50,}", "oy2", "pplx-", "hrku-"),
    _shape(r"\bLTAI[A-Za-z0-9]{12,26}\b|\b\w{14}\.atlasv1\.[\w-]{50,}", "ltai", ".atlasv1."),
    _shape(r"\bpul-[0-9a-f]{40}|\bdapi[0-9a-f]{32}|\bsbp_[0-9a-f]{40}", "pul-", "dapi", "sbp_"),
    _shape(r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}", "dp."),
    _shape(r"\bpscale_[a-z]{2,8}_[\w.=-]{32,}|\btskey-[a-z]+-[\w-]{20,}", "pscale_", "tskey-"),
    _shape(r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|\bNR(?:AK|RA|AL)-\w{19,}", "shp", "nr"),
    _shape(r"\bsntry[su]_[\w=+/-]{40,}|\bgl(?:sa|c)_[\w=+/-]{32,}", "sntry", "glsa_", "glc_"),
    _shape(r"\blin_api_\w{32,}|\bntn_\w{40,}|\bfigd_[\w-]{36,}", "lin_api_", "ntn_", "figd_"),
    _shape(r"\bpat\w{14}\.[0-9a-f]{64}|\bpat-[a-z]{2}\d-[0-9a-f-]{36}", "pat"),
    _shape(r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}|\b(?:sq[upa]|bkua)_[0-9a-f]{40}", "pmak-", "_"),
    _shape(r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}", "q~"),
    _shape(r"\b[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}", "."),
    _shape(r"(hooks\.slack\.com/services/)[\w/]{30,}", "hooks.slack.com"),
    _shape(r"(discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/)[\w-]{60,}", "/webhooks/"),
    _shape(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]*:)[^\s/@$\[][^\s/@]*(?=@)", "://"),
    _shape(
        rf"({_NAMES}[\"']?[ \t]{{0,3}}=>?[ \t]{{0,3}})(?:\"[^\"\n$\[][^\"\n]*\"|'[^'\n$\[][^'\n]*'"
        rf"|{_NOT_A_VALUE}[^\s\"'&;,<>\[\]$/*(){{}}=][^\s\"'&;,<>(){{}}]{{3,}})",
        "=",
        flags=re.IGNORECASE,
    ),
    _shape(
        rf"({_NAMES}[ \t]{{0,3}}=>?[ \t]{{0,3}}\\[\"'])[^\"'\\\n$\[][^\"'\\\n]*(?=\\[\"'])",
        "=",
        flags=re.IGNORECASE,
    ),
    _shape(
        rf"({_NAMES}:[ \t]{{0,3}}\\?[\"'])(?=[^\"'\\\s]*\d|[^\"'\\\s]{{24}})"
        r"[^\"'\\\s$\[][^\"'\\\s]{7,}(?=\\?[\"'])",
        ":",
        flags=re.IGNORECASE,
    ),
    _shape(
        rf"((?:{_NAMES}|\bauth)(?P<q>[\"'])\s{{0,3}}:\s{{0,3}})(?P<v>[\"'])"
        rf"(?!(?P=v)|\[redacted\]|[$/]){_NOT_A_VALUE}.{{1,4096}}?(?P=v)",
        ":",
        flags=re.IGNORECASE,
    ),
    _shape(
        rf"({_NAMES}[ \t]?:[ \t]+){_NOT_A_VALUE}(?=\S*\d|\S{{24}})[^\s\"'$/<\[]\S{{5,}}(?=[ \t]*$)",
        ":",
        flags=re.IGNORECASE | re.MULTILINE,
    ),
    # A value that begins with '/' is a path, unless it has the length and the letters of a key.
    _shape(
        rf"({_NAMES}[\"']?[ \t]{{0,3}}(?:=>?|:)[ \t]{{0,3}}\\?[\"']?)"
        r"(?=/[a-z0-9+/]{0,60}\d)(?=/[a-z0-9+/]{0,60}(?-i:[A-Z]))"
        r"/(?:[a-z0-9+/]{39}|[a-z0-9+/]{80,128}={0,2})(?![a-z0-9+/=])",
        "=",
        ":",
        flags=re.IGNORECASE,
    ),
    _shape(
        r"((?<!-)--[a-z-]{0,30}(?:password|token|secret|api-key)[ \t]+[\"']?)"
        r"[^\s\"'$/<\[-][^\s\"']{3,}",
        "--",
        flags=re.IGNORECASE,
    ),
)

_SECRET_NAME = re.compile(rf"(?:.*[^a-z])?{_NAMES}|.*[a-z](?:Token|Secret|Password)")
_KEY_EDGE = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"\s*(?:#\d+ [\d.]+ )?[A-Za-z0-9+/=]{16,}[ \t\r]*(?=\s|\Z)")


def find_shapes(text: str) -> Iterator[Span]:
    """Yield what looks like a secret, in no order; spans may overlap."""
    lowered = text.lower()
    for shape in _SHAPES:
        if any(needle in lowered for needle in shape.needles):
            for match in shape.pattern.finditer(text):
                yield from _span_of(match)
    if "PRIVATE KEY" in text:
        yield from _find_keys(text)


def _span_of(match: re.Match[str]) -> Iterator[Span]:
    """Give what is secret of a match: all of it, or what follows its group 1.

    A shape with a group `whole` also takes what is only its start, so that no character of it is
    tried again; without that group it is not a secret.
    """
    groups = match.re.groupindex
    if "whole" in groups:
        if match["whole"] is not None:
            yield match.span()
        return
    yield (match.end(1) if match.re.groups else match.start()), match.end()


def is_secret_name(name: str) -> bool:
    """Say whether what stands under such a key of a mapping is a secret."""
    return bool(_SECRET_NAME.fullmatch(name) or _SECRET_NAME.fullmatch(name.lower()))


def find_open_key(text: str) -> int:
    """Say where a private key begins that has not ended yet, or lines that may be of one.

    Where there is none it is the start of the last line.
    """
    begun: int | None = None
    for edge in _KEY_EDGE.finditer(text):
        begun = edge.start() if edge[1] == "BEGIN" else None
    return _start_of_key(text, text.rfind("\n") + 1) if begun is None else begun


def _find_keys(text: str) -> Iterator[Span]:
    """Yield private keys, also those whose first or last line was cut off."""
    begun: re.Match[str] | None = None
    before = 0
    for edge in _KEY_EDGE.finditer(text):
        floor, before = before, edge.end()
        if edge[1] == "BEGIN":
            if begun:
                yield begun.start(), _end_of_key(text, begun.end())
            begun = edge
        elif begun and edge.start() - begun.end() <= LONGEST_KEY:
            yield begun.start(), edge.end()
            begun = None
        else:
            yield _start_of_key(text, edge.start(), floor), edge.end()
    if begun:
        yield begun.start(), _end_of_key(text, begun.end())


def _end_of_key(text: str, position: int) -> int:
    while line := _KEY_LINE.match(text, position):
        position = line.end()
    return position


def _start_of_key(text: str, position: int, floor: int = 0) -> int:
    """Go back over the lines of a key, as far as `floor` and no line longer than any key's."""
    while True:
        lowest = max(floor, position - LONGEST_KEY)
        start = max(text.rfind("\n", lowest, max(position - 1, lowest)) + 1, floor)
        if start >= position or not _KEY_LINE.fullmatch(text[start:position].rstrip("\n")):
            return position
        position = start
