"""What a Dockerfile installs, removes again, and whether a failure of that is thrown away."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.dockerfile_stage import Act, Run
from hardgate.pipeline.static.image_users import option
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_state import OTHER, UNKNOWN, Call, State, is_known
from hardgate.pipeline.static.shell_world import TooManyWaysError

_VERBS = frozenset({"install", "add", "-S", "-Sy", "-Syu", "dist-upgrade", "localinstall"})
MANAGERS = frozenset(
    "apt-get apt aptitude apk dnf microdnf tdnf yum zypper pacman apt-fast".split()
)
FETCHERS = frozenset({"curl", "wget", "aria2c"})
OTHER_VERBS: Mapping[str, frozenset[str]] = {
    "pip": frozenset({"install", "download"}),
    "pip3": frozenset({"install", "download"}),
    "pipx": frozenset({"install"}),
    "uv": frozenset({"install", "sync", "add"}),
    "npm": frozenset({"install", "i", "ci", "add"}),
    "yarn": frozenset({"install", "add"}),
    "pnpm": frozenset({"install", "i", "add"}),
    "bun": frozenset({"install", "add"}),
    "gem": frozenset({"install"}),
    "bundle": frozenset({"install"}),
    "cargo": frozenset({"install", "build"}),
    "go": frozenset({"install", "build", "get"}),
    "dpkg": frozenset({"-i", "--install"}),
    "rpm": frozenset({"-i", "-U", "-Uvh", "-ivh"}),
    "git": frozenset({"clone"}),
    "poetry": frozenset({"install", "sync"}),
    "conda": frozenset({"install", "create"}),
    "mamba": frozenset({"install", "create"}),
    "micromamba": frozenset({"install", "create"}),
    "composer": frozenset({"install", "require"}),
}
PACKAGES: Mapping[str, frozenset[str]] = {
    "nsenter": frozenset({"util-linux", "util-linux-misc", "nsenter", "util-linux-core"}),
    "sudo": frozenset({"sudo", "sudo-ldap"}),
    "curl": frozenset({"curl", "curl-minimal"}),
    "docker": frozenset({"docker-cli", "docker-ce-cli", "docker", "moby-cli"}),
}
_VALUES = frozenset("-t --target-release -o --option -c -a --virtual -t --repository -X -p".split())
_FORMS = re.compile(r"download\.docker\.com/.*static|get\.docker\.com|docker-\d[\d.]*\.tgz")
_DISCARDS = frozenset(
    "tee tail head cat grep egrep sed awk tr sort uniq wc logger ts less more true".split()
)
"""What stands behind a pipe and takes an install's words, not what it installs."""
LAST_WITH_DOCKER = 12
"""Debian's release whose docker.io still brings the command."""
_PROVISIONERS = frozenset({"ansible-playbook", "ansible-pull", "puppet", "chef-client", "salt-call",
                           "nix-env", "nix", "brew"})  # fmt: skip
_INSTALLS = re.compile(r"\b(apt-get|apt|apk|dnf|yum|microdnf|zypper|pacman|ansible|get\.docker)\b")


def find_install_findings(file: Dockerfile) -> Iterator[Finding]:
    """Apply the rules that speak of installing."""
    yield from _commands(file)
    yield from _kept_failures(file)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is known of a command after some acts."""

    there: bool | None
    why: str = ""
    line: int = 0


def _commands(file: Dockerfile) -> Iterator[Finding]:
    for name in PACKAGES:
        rule, seen = rules()[f"command-{name}"], _look_for(file, name)
        if seen.there is False:
            yield rule.broken(file.name, seen.line or file.line, seen=seen.why)
        elif seen.there is None:
            yield rule.untold(file.name, seen.line or file.line, seen.why)


def find_command(file: Dockerfile, name: str) -> bool | None:
    """Tell whether the image has a command; None where it cannot be told."""
    if name in PACKAGES:
        return _look_for(file, name).there
    if file.files.find_command(name):
        return True
    named = any(name in packages(act) for act in file.acts)
    return True if named else None


def _look_for(file: Dockerfile, name: str) -> _Seen:
    known = file.base.commands.get(name)
    seen = _Seen(there=known, why="" if known is False else f"'{file.base.reference}' may bring it")
    for act in file.acts:
        seen = _after(act, name, seen, file)
    if seen.there is False and file.unread and not seen.why:
        why = f"what line {file.unread[0]} runs may install it"
        return _Seen(there=None, why=why, line=file.unread[0])
    return seen


def _after(act: Act, name: str, seen: _Seen, file: Dockerfile) -> _Seen:
    """Tell what is known of a command after one act."""
    if _installs(act, name):
        return _Seen(there=True)
    if _removes(act, name):
        there = False if act.certain else None
        return _Seen(there=there, why=f"; line {act.line} removes it again", line=act.line)
    if seen.there:
        return seen
    if name == "docker" and "docker.io" in packages(act):
        return _by_docker_io(act, file)
    is_open = act.call is not None and (_provisions(act, file) or _is_open_install(act))
    if is_open and seen.there is False and not seen.why:
        return _Seen(there=None, why=f"what line {act.line} installs is not written here")
    return seen


def _by_docker_io(act: Act, file: Dockerfile) -> _Seen:
    """Debian 13 has split the command off docker.io, into docker-cli, which it only recommends."""
    base = file.base
    skips = any("no-install-recommends" in word or "Install-Recommends=" in word
                for word in act.words)  # fmt: skip
    if base.family == "ubuntu" or not skips:
        return _Seen(there=True)
    if base.family == "debian" and base.debian is not None:
        if base.debian <= LAST_WITH_DOCKER:
            return _Seen(there=True)
        why = f"; Debian {base.debian}'s docker.io in line {act.line} no longer brings it"
        return _Seen(there=False, why=why, line=act.line)
    return _Seen(there=None, why="docker.io brings it up to Debian 12 alone", line=act.line)


def packages(act: Act) -> frozenset[str]:
    """Give the packages that a command installs, without versions."""
    if act.call is None or act.name not in MANAGERS:
        return frozenset()
    words = list(act.words[1:])
    verb = next((n for n, word in enumerate(words) if word in _VERBS), None)
    if verb is None:
        return frozenset()
    named, rest = [], words[verb + 1 :]
    while rest:
        word = rest.pop(0)
        if word in _VALUES and rest:
            rest.pop(0)
        elif not word.startswith("-"):
            named.append(word)
    return frozenset(re.split(r"[=~<>@:/]", word)[0] for word in named if word[0] not in "./")


def _provisions(act: Act, file: Dockerfile) -> bool:
    """Tell whether a command installs what is written down elsewhere."""
    if act.name != "make":
        return act.name in _PROVISIONERS
    begun = act.call.folder if act.call else ""
    folder = posixpath.join(begun, option(act.words, "-C", "--directory"))
    texts = [
        held.read() or ""
        for name in ("Makefile", "makefile", "GNUmakefile")
        if (held := file.files.find(posixpath.normpath(posixpath.join(folder, name))))
    ]
    return any(_INSTALLS.search(text) for text in texts)


def _is_open_install(act: Act) -> bool:
    """Tell whether an install's list comes from somewhere else."""
    if act.name not in MANAGERS or not set(act.words) & _VERBS:
        return False
    by_xargs = act.call is not None and "xargs" in act.call.wrappers
    return by_xargs or any(not is_known(word) for word in act.words)


def _installs(act: Act, name: str) -> bool:
    if packages(act) & PACKAGES[name]:
        return True
    if act.keyword in {"COPY", "ADD"} and len(act.words) > 1:
        target, sources = act.words[-1], act.words[:-1]
        brought = [PurePosixPath(target).name, *(PurePosixPath(one).name for one in sources)]
        return name in brought and "bin" in PurePosixPath(f"{target}x").parts
    if act.call is None or act.name in {"echo", "printf"}:
        return False
    if name == "docker" and act.name in {*FETCHERS, "sh", "bash"}:
        return any(_FORMS.search(word) for word in act.words)
    if act.name in {"cp", "mv", "install", "ln"}:
        return act.words[-1].endswith(f"bin/{name}")
    output = f"bin/{name}"
    return act.name in FETCHERS and any(word.endswith(output) for word in act.words)


def _removes(act: Act, name: str) -> bool:
    words = set(act.words)
    if act.call is None:
        return False
    if act.name in MANAGERS and words & {"remove", "purge", "del", "erase"}:
        return bool(words & PACKAGES[name])
    paths = (word for word in act.words[1:] if word.startswith("/"))
    return act.name == "rm" and any(PurePosixPath(path).name == name for path in paths)


def is_install(call: Call) -> bool:
    """Tell whether a command brings something into the image."""
    words, name = call.argv, call.name
    if name in MANAGERS:
        return bool(set(words) & _VERBS)
    if name in FETCHERS:
        return any("://" in word or not is_known(word) for word in words) and not _only_asks(words)
    if name.startswith("python") and "pip" in words[:4]:
        return bool(set(words) & OTHER_VERBS["pip"])
    verbs = OTHER_VERBS.get(name)
    return verbs is not None and bool(set(words[1:]) & verbs)


def _only_asks(words: tuple[str, ...]) -> bool:
    """Tell whether a transfer is thrown away: it only asks whether somebody answers."""
    return "/dev/null" in words or bool(set(words) & {"-I", "--head", "--spider"})


def _kept_failures(file: Dockerfile) -> Iterator[Finding]:
    rule = rules()["install-or-true"]
    for run in file.runs:
        machine = Machine(run.world)
        try:
            ended = machine.finish(run.script, run.state)
        except TooManyWaysError as error:
            yield rule.untold(file.name, run.line, f"of this RUN, {error}")
            continue
        if any(one.astray for one in ended):
            yield rule.untold(
                file.name, run.line, "this RUN has a piece that the reader cannot read"
            )
        for call in [call for call in machine.calls if is_install(call)]:
            yield from _judge(file, run, call)


def _judge(file: Dockerfile, run: Run, call: Call) -> Iterator[Finding]:
    """Let one install fail, and all others hold: does the RUN still end well?"""
    world = replace(
        run.world,
        watches=is_install,
        fails=lambda one: (one.file, one.line, one.written) == (call.file, call.line, call.written),
    )
    rule = rules()["install-or-true"]
    try:
        ended = Machine(world).finish(run.script, run.state)
    except TooManyWaysError as error:
        yield rule.untold(file.name, call.line, str(error))
        return
    passed = [one for one in ended if one.failed and one.status in {"0", OTHER, UNKNOWN}]
    lost = [one for one in passed if one.status != UNKNOWN and not one.astray]
    if not lost:
        unsure = bool(passed)
        if unsure:
            why = f"what becomes of a failure of '{call}' is decided by what is not read here"
            yield rule.untold(file.name, call.line, why)
        return
    yield from _lost(file, call, lost[0])


def _lost(file: Dockerfile, call: Call, state: State) -> Iterator[Finding]:
    loss = state.loss
    end = loss.by if loss else "what follows it"
    line = loss.line if loss and loss.line else call.line
    behind = end[1:].split()[0] if loss and loss.in_pipe and end[1:].split() else ""
    if call.file != file.name:
        line = call.line
    if loss and loss.in_pipe and behind.rpartition("/")[2] not in _DISCARDS:
        yield rules()["download-in-pipe"].broken(file.name, line, command=str(call), end=end)
        return
    yield rules()["install-or-true"].broken(file.name, line, command=str(call), end=end)
