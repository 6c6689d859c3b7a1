"""Tells a vendor's published example, or what stands for a credential to come, from a credential.

Published examples are known by their SHA-256 alone: this project holds none of them.
"""

import base64
import binascii
import hashlib
import math
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

PUBLISHED = Path(__file__).with_name("published_examples.txt")
MIN_PASSWORD_ENTROPY = 2.8
"""Bits for each character: 'password' has 2.75, eight different ones have 3."""
MIN_PASSWORD_LENGTH = 8
MAX_WORD_LENGTH = 12
"""Small letters alone are a word up to here."""
_AWS = re.compile(r"A[KS]IA[A-Z0-9]{9}EXAMPLE|[A-Za-z0-9/+]{30}EXAMPLEKEY")
_JWT_OF_JOHN_DOE = ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9l"
_STAND_IN = re.compile(
    r"(.)\1{7}"  # 'xxxxxxxx'
    r"|(?i:\byour[-_ ]|[-_]your[-_]|\bmy[-_](?:token|key|secret|password))"
    r"|(?i:placeholder|change[-_]?me|[-_]here\b|\bexample\b|\bdummy\b|\bredacted\b)"
    r"|[<>]|\$\{|\$\(|\{\{|%\(|%s|^\$\w+$"
    r"|^\{[^{}]+\}$|^%\w+%$|^\[[^\[\]]+\]$|^\*+$"
    r"|^(?=[A-Z_]++$)[A-Z_]*?(?:PASS|PWD|SECRET|TOKEN|KEY)"  # a name in capitals
)
_URL = re.compile(
    r"\w[\w+.-]{0,30}://[^\s:/@]{0,80}+:(?P<password>[^\s@]{0,80}+)@(?P<host>[^\s:/?#@]{0,255}+)"
)
_LOCAL_HOSTS = re.compile(
    r"127\.\d+\.\d+\.\d+|\[?::1\]?|(?:.*\.)?example\.(?:com|org|net)"
    r"|(?:.*\.)?(?:localhost|example|invalid|test)"  # RFC 2606
    r"|host|hostname|foo|bar|baz|[a-z]"
)
_LEET = str.maketrans("013457@$", "oleastas")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SEQUENCE = re.compile(
    r"(?i:abc1|123456|abcdef|qwert|deadbeef|cafe?babe|0123|test|fake|mock|sample)"
)
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
MIN_RANDOM_LENGTH = 16
MIN_HEX_LENGTH = 32
MIN_DIGITS = 2
MIN_RANDOM_ENTROPY = 3.5
_WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
MAX_WORD_SHARE = 0.5
"""Of the letters of a drawn value, in what could be words; a name in mixed case has 0.9."""
MIN_WORDLESS_CHANGES = 0.3
_COMMON_WORDS = re.compile(
    "password|passwd|passw|pass|pwd|secret|admin|guest|default|change|letmein|hunter|postgres|mysql"
    "|root|test|user|name|example|sample|dummy|super|strong|secure|my|the|your|some|dev|prod|local"
)
MAX_UNCOMMON = 4
"""Letters and digits that a weak password may have beside common words."""


def is_known_example(value: str) -> bool:
    """Tell whether a value of a credential's shape is published, or stands for one to come."""
    if _AWS.fullmatch(value) or _JWT_OF_JOHN_DOE in value or _is_published(value):
        return True
    if value.startswith("-----BEGIN"):
        return False
    if url := _URL.search(value):
        local = _LOCAL_HOSTS.fullmatch(url["host"].lower())
        return bool(local) or is_weak_password(url["password"])
    return bool(_STAND_IN.search(value)) or _is_weak_basic(value)


def is_weak_password(password: str) -> bool:
    """Tell words that everybody uses from a password that somebody drew, or chose with care."""
    plain = unquote(password)
    words = _COMMON_WORDS.sub("", plain.lower().translate(_LEET))
    return (
        len(plain) < MIN_PASSWORD_LENGTH
        or (len(plain) <= MAX_WORD_LENGTH and plain.isalpha() and plain.islower())
        or sum(letter.isalnum() for letter in words) <= MAX_UNCOMMON
        or bool(_STAND_IN.search(plain))
        or measure_entropy(plain) < MIN_PASSWORD_ENTROPY
    )


def is_random(value: str) -> bool:
    """Tell drawn characters from a name, a path or a sentence: their classes change at random."""
    core = value.rstrip("=")
    letters = [letter for letter in core if letter.isalnum()]
    if len(letters) < MIN_RANDOM_LENGTH or _UUID.fullmatch(core) or _SEQUENCE.search(core):
        return False
    kinds = ["0" if one.isdigit() else "a" if one.islower() else "A" for one in letters]
    changes = sum(one != other for one, other in pairwise(kinds)) / len(kinds)
    digits = kinds.count("0")
    if set(core) <= _HEX_DIGITS:
        return len(core) >= MIN_HEX_LENGTH and digits > 0
    if "." in core or len(letters) < len(core) * 0.8:
        return False
    if measure_entropy(core) < MIN_RANDOM_ENTROPY:
        return False
    mixed = len(set(kinds) - {"0"}) > 1
    if digits >= MIN_DIGITS and changes >= (0.4 if mixed else 0.25):
        return True
    return mixed and changes >= MIN_WORDLESS_CHANGES and _measure_word_share(core) <= MAX_WORD_SHARE


def _measure_word_share(text: str) -> float:
    """Give how much of a text stands in runs of letters that could be words."""
    return sum(len(word) for word in _WORD.findall(text)) / len(text)


def measure_entropy(text: str) -> float:
    """Give Shannon's entropy in bits for each character."""
    shares = (count / len(text) for count in Counter(text).values())
    return -sum(share * math.log2(share) for share in shares)


def _is_weak_basic(value: str) -> bool:
    """Look into the base64 of a Basic authorization."""
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return bool(user and colon) and is_weak_password(password)


def _is_published(value: str) -> bool:
    whole = re.sub(r"\\n|\s", "", value)
    parts = (part.partition("=")[2] for part in value.split(";"))
    return any(
        hashlib.sha256(one.encode(errors="replace")).hexdigest() in _read_published()
        for one in (whole, *parts)
        if one
    )


@cache
def _read_published() -> frozenset[str]:
    lines = PUBLISHED.read_text().splitlines()
    return frozenset(line.split()[0] for line in lines if line and not line.startswith("#"))
