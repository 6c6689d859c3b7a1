"""Programs that run another program and hand on its exit status: what they run, and as whom."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class _Form:
    """How a wrapper's own words are told from those of the program that it runs."""

    values: frozenset[str] = frozenset()
    """Options whose value is the next word."""
    words: int = 0
    """Own words behind the options, such as a duration."""
    user_option: frozenset[str] = frozenset()
    user_word: bool = False
    """The first own word is the user."""
    assignments: bool = False
    """NAME=value may stand before the program."""
    splits: bool = False
    """`-S` is followed by a text that is split into words."""
    default_user: str = ""


def _options(text: str) -> frozenset[str]:
    return frozenset(text.split())


FORMS: Mapping[str, _Form] = {
    "timeout": _Form(values=_options("-k --kill-after -s --signal"), words=1),
    "nice": _Form(values=_options("-n --adjustment")),
    "ionice": _Form(values=_options("-c --class -n --classdata")),
    "chrt": _Form(values=_options("-T -P -D"), words=1),
    "taskset": _Form(words=1),
    "nohup": _Form(),
    "setsid": _Form(),
    "time": _Form(values=_options("-f --format -o --output")),
    "stdbuf": _Form(values=_options("-i --input -o --output -e --error")),
    "chronic": _Form(),
    "unbuffer": _Form(),
    "xvfb-run": _Form(values=_options("-n -s -e -f -l -p -w --server-args --server-num")),
    "dbus-run-session": _Form(),
    "faketime": _Form(words=1),
    "eatmydata": _Form(),
    "env": _Form(values=_options("-u --unset -C --chdir"), assignments=True, splits=True),
    "command": _Form(),
    "builtin": _Form(),
    "exec": _Form(values=_options("-a")),
    "flock": _Form(values=_options("-w --timeout -E"), words=1),
    "tini": _Form(values=_options("-p -e")),
    "dumb-init": _Form(values=_options("-r --rewrite")),
    "catatonit": _Form(),
    "xargs": _Form(values=_options("-a --arg-file -n --max-args -P --max-procs -I -L -s -d -E")),
    "sudo": _Form(
        values=_options("-u --user -g --group -h --host -p --prompt -C -r -t -T -D -R -U"),
        user_option=_options("-u --user"),
        assignments=True,
        default_user="0",
    ),
    "doas": _Form(values=_options("-u -C"), user_option=_options("-u"), default_user="0"),
    "gosu": _Form(words=1, user_word=True),
    "su-exec": _Form(words=1, user_word=True),
    "setuidgid": _Form(words=1, user_word=True),
    "s6-setuidgid": _Form(words=1, user_word=True),
    "chpst": _Form(
        values=_options("-u -U -b -/ -n -l -L -e -d -o -p -f -c -r -t -m -0"),
        user_option=_options("-u"),
    ),
    "setpriv": _Form(
        values=_options(
            "--reuid --ruid --euid --regid --rgid --egid --groups --inh-caps --ambient-caps "
            "--bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile"
        ),
        user_option=_options("--reuid --ruid --euid"),
    ),
    "chroot": _Form(
        values=_options("--userspec --groups"), user_option=_options("--userspec"), words=1
    ),
    "runuser": _Form(values=_options("-u --user -g -G"), user_option=_options("-u --user")),
    "unshare": _Form(values=_options("--setuid --setgid --map-user --map-group -S -G -R -w")),
}
SWITCHERS = frozenset({"su", "runuser"})
"""They take a user as a word, and a command as the text behind `-c`."""
EXPAND_BRACES = frozenset({"bash", "zsh", "ksh"})
"""Shells that take `a{b,c}` for two words."""
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"})


@dataclass(frozen=True, kw_only=True)
class Unwrapped:
    """What is run in the end."""

    argv: tuple[str, ...]
    user: str = ""
    """As whom; empty where no wrapper changes that."""
    script: str | None = None
    """A text that a shell is given, as behind `su -c`."""
    arguments: tuple[str, ...] = ()
    """What that shell is given behind the text: `$0`, `$1` and so on."""
    wrappers: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def unwrap(argv: Sequence[str]) -> Unwrapped:
    """Take all wrappers off a command's words."""
    words, user = tuple(argv), ""
    wrappers: list[str] = []
    variables: dict[str, str] = {}
    while words:
        name = words[0].rpartition("/")[2]
        if name in SWITCHERS and (switched := _switched(words)):
            return Unwrapped(
                argv=words,
                user=switched[0],
                script=switched[1],
                arguments=switched[2],
                wrappers=(*wrappers, name),
            )
        form = FORMS.get(name)
        if form is None or (name == "command" and words[1:2] and words[1] in {"-v", "-V"}):
            break
        taken = _Taken(form, words[1:])
        if not taken.rest:
            break
        user = taken.user or form.default_user or user
        variables |= taken.variables
        wrappers.append(name)
        words = taken.rest
    return Unwrapped(argv=words, user=user, wrappers=tuple(wrappers), variables=variables)


class _Taken:
    """A wrapper's own words, taken off."""

    def __init__(self, form: _Form, words: tuple[str, ...]) -> None:
        self.user = ""
        self.split = ""
        self.variables: dict[str, str] = {}
        at = self._options(form, words)
        for number in range(form.words):
            if at < len(words):
                self.user = words[at] if number == 0 and form.user_word else self.user
                at += 1
        at += words[at : at + 1] == ("--",)
        if self.split:
            words = (*words[:at], *split_text(self.split), *words[at:])
        while form.assignments and at < len(words) and _ASSIGNMENT.fullmatch(words[at]):
            name, _, value = words[at].partition("=")
            self.variables[name] = value
            at += 1
        self.rest = words[at:]

    def _options(self, form: _Form, words: tuple[str, ...]) -> int:
        at = 0
        while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
            word = words[at]
            at += 1
            if word == "--":
                break
            option, equals, value = word.partition("=")
            if form.splits and word in {"-S", "--split-string"} and at < len(words):
                self.split = words[at]
                at += 1
                continue
            short = word[:2] if not word.startswith("--") and len(word) > 2 else ""  # noqa: PLR2004
            if word in form.values and at < len(words):
                value = words[at]
                at += 1
            elif not equals and short in form.values:
                option, value = short, word[2:]
            if option in form.user_option:
                self.user = value
        return at


def _switched(words: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]] | None:
    """Read `su [-] USER -c TEXT ARGUMENTS`; None where there is no text."""
    text, user = None, ""
    arguments: list[str] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word in {"-c", "--command", "--session-command"} and rest:
            text = rest.pop(0)
        elif word.startswith("--command="):
            text = word.partition("=")[2]
        elif word in {"-s", "--shell", "-g", "-G", "-w"} and rest:
            rest.pop(0)
        elif word in {"-u", "--user"} and rest:
            user = rest.pop(0)
        elif word == "--":
            arguments += rest if user else rest[1:]
            user = user or (*rest, "")[0]
            break
        elif not word.startswith("-") and user:
            arguments.append(word)
        elif not word.startswith("-"):
            user = word
    return None if text is None else (user or "0", text, tuple(arguments))


def split_text(text: str) -> tuple[str, ...]:
    """Split a text into words, as `env -S` does; as it stands where it cannot be."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())
