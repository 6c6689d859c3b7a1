"""What a probe talks about: the paths, the commands and the matters that a text of shell names.

Read by shape and not by a shell's grammar: a name too many costs one more line of facts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

MAX_NAMES = 16
"""Names of one kind that are looked at."""

_ADDRESS = re.compile(r"\b(?!unix:)[a-z][a-z0-9+.-]{0,20}://[^\s\"']*", re.IGNORECASE)
_SCHEME = re.compile(r"\bunix://")
_PATH = re.compile(r"(?<![\w.$}%*?\])/~\\-])(/[\w.@+-]+(?:/[\w.@+-]+)*)/?")
_IGNORED_PATH = re.compile(r"/(?:dev/(?:null|zero|tty|std\w+|fd)|proc|sys|bin/sh|bin/bash)(?:/|\Z)")

_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
_SINGLE_QUOTED = re.compile(r"'[^']*'")
_ASSIGNMENT = re.compile(r"\w+=\S*\Z")
_COMMAND_BREAK = re.compile(r"[\n;&|()`]+|\$\(|(?:\s|^)[{}!](?=\s|$)")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]+\Z")
_FUNCTION = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+\(\)")
_KEYWORDS = re.compile(r"(?:if|then|elif|else|fi|while|until|do|done|for|case|esac|in|select)\Z")
_BUILTINS = re.compile(
    r"(?:alias|bg|break|cd|continue|echo|eval|exit|export|false|fg|getopts|hash|jobs|kill|local"
    r"|printf|pwd|read|readonly|return|set|shift|test|times|trap|true|type|ulimit|umask|unalias"
    r"|unset|wait|declare|source|let|shopt|function)\Z"
)
_WRAPPER_COMMANDS = re.compile(
    r"(?:sudo|exec|command|env|nohup|timeout|xargs|nice|ionice|setsid|time|nsenter|stdbuf|gosu|doas"
    r"|unshare|chroot|setpriv|runuser)\Z"
)
"""Commands that run another one, which stands after their options."""

TOPIC_PATTERNS: Mapping[str, str] = {
    "socket": r"\bdocker\b|\.sock\b|DOCKER_HOST",
    "engine_api": r"\bdocker\b|docker\.sock|DOCKER_HOST",
    "namespaces": r"\bnsenter\b|\bunshare\b|\blsns\b|/proc/|/ns/|\bps\b|\bpgrep\b|\bhostname\b",
    "processes": r"\bid\b|\bwhoami\b|\bps\b|\bpgrep\b|\bpidof\b|/proc/|token|/configs|://"
    r"|\bcurl\b|\bwget\b|/dev/tcp/|\bnc\b",
    "capabilities": r"\bCap[A-Z]|\bcaps?h|privileged|\bnsenter\b|\bunshare\b|\bmount\b|\bsudo\b"
    r"|\bsetpriv\b|\bmknod\b|/dev/(?!null\b|tcp/)|/proc/sys|NoNewPrivs|Seccomp",
    "listening": r"\bcurl\b|\bwget\b|://|/dev/tcp/|\bnc\b|\bss\b|\bnetstat\b|\bport\b"
    r"|\b127\.0\.0\.1\b|\blocalhost\b|\d:\d{2,5}\b",
    "passwd": r"\bid\b|\bwhoami\b|\bgetent\b|/etc/(?:passwd|group)|\bHOME\b|~|\bUSER\b|\bsudo\b"
    r"|\bsu\b|\bgroups\b|%U|-user\b|\bagent\b|\buid\b",
    "token": r"token|[Bb]earer|Authorization|list_peers|platform_port",
    "egress": r"EGRESS|https://|\bHTTPS_PROXY\b|\bgetent\s+(?:a?hosts)|\bnslookup\b|\bdig\b",
    "log_tail": r"token|/configs|list_peers|healthz|localhost|127\.0\.0\.1|platform_port",
}
"""Each matter of `diagnose.surroundings`, and the words that show that a probe is about it."""


def find_topics(texts: Iterable[str]) -> frozenset[str]:
    """Name what the texts are about."""
    text = "\n".join(texts)
    return frozenset(name for name, pattern in TOPIC_PATTERNS.items() if re.search(pattern, text))


def find_named_paths(texts: Iterable[str]) -> tuple[str, ...]:
    """Give the absolute paths in the texts, the first ones first."""
    return tuple(dict.fromkeys(path for text in texts for path in _iter_paths(text)))[:MAX_NAMES]


def _iter_paths(text: str) -> Iterator[str]:
    plain = _ADDRESS.sub(" ", _SCHEME.sub(" ", text))
    for found in _PATH.finditer(plain):
        if not _IGNORED_PATH.match(found[1]):
            yield found[1]


def find_named_commands(script: str) -> tuple[str, ...]:
    """Give the words that a script runs as commands, without the shell's own."""
    functions = frozenset(_FUNCTION.findall(script))
    text = _COMMENT.sub("", _SINGLE_QUOTED.sub("''", script.replace("\\\n", " ")))
    names = (name for part in _COMMAND_BREAK.split(text) for name in _iter_commands(part))
    external_names = (name for name in names if name not in functions and not _BUILTINS.match(name))
    return tuple(dict.fromkeys(external_names))[:MAX_NAMES]


def _iter_commands(part: str) -> Iterator[str]:
    """Yield the command at the start of a simple command, and the ones that it runs."""
    tokens = iter(part.replace('"', " ").split())
    leading = True
    for word in tokens:
        if _KEYWORDS.match(word) or _ASSIGNMENT.match(word):
            if word in {"for", "case"}:
                return
            continue
        if not leading and (word.startswith(("-", "/")) or word[:1].isdigit()):
            continue
        if not _NAME.match(word):
            return
        yield word
        if not _WRAPPER_COMMANDS.match(word):
            return
        leading = False
