"""What a Dockerfile installs, removes again, and whether a failure of that is thrown away."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from hardgate.pipeline.static.dockerfile import Act, Dockerfile, run_commands
from hardgate.pipeline.static.finding import Finding
from hardgate.pipeline.static.rule import rules
from hardgate.pipeline.static.shell import Command, chain_before, swallows

INSTALLERS: Mapping[str, frozenset[str]] = {
    name: frozenset({"install", "add"})
    for name in ("apt-get", "apt", "aptitude", "apk", "dnf", "microdnf", "yum", "zypper")
}
OTHER_INSTALLERS = frozenset(
    {
        "pip",
        "pip3",
        "pipx",
        "uv",
        "npm",
        "yarn",
        "pnpm",
        "gem",
        "cargo",
        "go",
        "curl",
        "wget",
        "dpkg",
    }
)
PACKAGES: Mapping[str, frozenset[str]] = {
    "nsenter": frozenset({"util-linux", "util-linux-misc", "nsenter", "util-linux-core"}),
    "sudo": frozenset({"sudo", "sudo-ldap"}),
    "curl": frozenset({"curl"}),
    "docker": frozenset({"docker-cli", "docker-ce-cli", "docker"}),
}
FORMS = re.compile(r"download\.docker\.com|get\.docker\.com")


def look_at_installs(file: Dockerfile) -> Iterator[Finding]:
    """Apply the rules that speak of installing."""
    yield from _commands(file)
    yield from _kept_failures(file)


def _commands(file: Dockerfile) -> Iterator[Finding]:
    installed: dict[str, bool] = {}
    seen: dict[str, str] = {}
    for act in file.stage.acts:
        for name in PACKAGES:
            if _installs(act, name):
                installed[name] = True
            elif _removes(act, name):
                installed[name] = False
                seen[name] = f"; line {act.line} removes it again"
            elif name == "docker" and "docker.io" in act.words and not installed.get(name):
                installed[name] = "bookworm" in file.stage.base or "bullseye" in file.stage.base
                seen[name] = "; Debian's docker.io no longer brings it"
    for name in PACKAGES:
        if not installed.get(name):
            rule = rules()[f"command-{name}"]
            yield rule.broken(file.name, file.stage.line, seen=seen.get(name, ""))


def packages(act: Act) -> frozenset[str]:
    """Give the packages that a command installs, without versions."""
    verbs = INSTALLERS.get(act.name, frozenset()) if act.keyword == "RUN" else frozenset()
    if not verbs & set(act.words):
        return frozenset()
    return frozenset(re.split(r"[=~<>@:]", word)[0] for word in act.words[2:])


def _installs(act: Act, name: str) -> bool:
    if packages(act) & PACKAGES[name]:
        return True
    if act.keyword in {"COPY", "ADD"} and len(act.words) > 1:
        target, sources = act.words[-1], act.words[:-1]
        brought = [PurePosixPath(target).name, *(PurePosixPath(one).name for one in sources)]
        return name in brought and "/bin" in f"{target}/"
    return name == "docker" and any(FORMS.search(word) for word in act.words) and act.name != "echo"


def _removes(act: Act, name: str) -> bool:
    words = set(act.words)
    if act.name in INSTALLERS and words & {"remove", "purge", "del", "erase"}:
        return bool(words & PACKAGES[name])
    paths = (word for word in act.words[1:] if word.startswith("/"))
    return act.name == "rm" and any(PurePosixPath(path).name == name for path in paths)


def _installs_anything(words: Sequence[str]) -> bool:
    name = words[0].rpartition("/")[2]
    if name in INSTALLERS:
        return True
    return name in OTHER_INSTALLERS or (name.startswith("python") and "pip" in words)


def _kept_failures(file: Dockerfile) -> Iterator[Finding]:
    for instruction in file.stage.instructions:
        if instruction.keyword == "RUN" and not instruction.text.startswith("["):
            for line, lost, end in _lost_failures(run_commands(instruction)):
                rule = rules()["install-or-true"]
                yield rule.broken(file.name, line, command=lost, end=end)


def _lost_failures(commands: Sequence[Command]) -> Iterator[tuple[int, str, str]]:
    """Yield line, install and what its failure is thrown away by."""
    careful = any(one.name == "set" and "e" in "".join(one.words[1:2]) for one in commands)
    for number, one in enumerate(commands):
        before: Sequence[Command] = ()
        if swallows(commands, number):
            before = chain_before(commands, number)
        elif one.joined_by == ";" and number and not careful:
            before = commands[number - 1 : number]
        lost = next((other for other in before if _installs_anything(other.words)), None)
        if lost:
            end = "||" if one.joined_by == "||" else ";"
            yield one.line, " ".join(lost.words[:4]), f"{end} {' '.join(one.words[:2])}"
