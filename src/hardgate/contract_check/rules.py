"""The rules: what a probe should not be, why, and a better one. Heuristics over a script's text."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hardgate.contract_check.probe_text import ScriptLine, blank_quoted, read_script_lines
from hardgate.model.contract import Capability, Subject

Hits = Iterator[int]
"""Line numbers in the probe; 0 where it is about the whole."""


@dataclass(frozen=True, kw_only=True)
class ProbeScript:
    """A probe, read for the rules."""

    capability: Capability
    subject: Subject
    lines: tuple[ScriptLine, ...]

    @classmethod
    def of_capability(cls, capability: Capability, subject: Subject) -> "ProbeScript":
        """Read a capability's probe."""
        lines = read_script_lines(capability.probe)
        return cls(capability=capability, subject=subject, lines=lines)

    def search(self, pattern: str, *, quoted: bool = True) -> Hits:
        """Find the lines with a pattern; those in single quotes do not count unless `quoted`."""
        for line in self.lines:
            if re.search(pattern, line.text if quoted else blank_quoted(line.text)):
                yield line.number

    def has(self, pattern: str) -> bool:
        """Tell whether any line has a pattern."""
        return any(True for _ in self.search(pattern))


@dataclass(frozen=True, kw_only=True)
class ContractRule:
    """One kind of weakness."""

    name: str
    weakness: str
    """A whole sentence."""
    better: str
    """A better probe, in a line or two of shell, or what to do."""
    find: Callable[[ProbeScript], Hits]


OWN_UID = r"(\$\(\s*id\s+-u\w*\s*\)|`id\s+-u\w*`|\$\(\s*whoami\s*\)|\$\{?(E?UID|USER)\b\}?)"
COMPARED_UID = (
    rf"{OWN_UID}\W{{0,3}}\s*(==?|!=|-eq|-ne|in\b)|(==?|!=|-eq|-ne)\s*\W?{OWN_UID}"
    rf"|^\s*\w+=\W?{OWN_UID}|(^|[;&|(]\s*)(id\s+-u\w*|whoami|id)\s*\|\s*grep\b"
)


def find_own_uid(script: ProbeScript) -> Hits:
    """Find the comparison of the probe's own uid in a probe that looks at nothing else."""
    if not script.has(r"/proc/|\bps\b|\bpgrep\b|\bstat\b|\bnsenter\b|\bsudo\b"):
        yield from script.search(COMPARED_UID)


CERTAIN_END = r"(.*;\s*)?(true|:|exit\s+0|echo\b[^|&]*|printf\b[^|&]*)"


def find_certain_pass(script: ProbeScript) -> Hits:
    """Find an end that is a pass whatever came before."""
    if not script.lines:
        yield 0
        return
    last = script.lines[-1]
    can_fail = script.has(r"\bexit\s+([1-9]|\"?\$)|\bset\s+-[a-z]*e|\bfail\b|\bdie\b")
    swallows = re.search(r"\|\|\s*(true|:|exit\s+0)\s*;?$", last.text)
    if swallows or (re.fullmatch(CERTAIN_END, last.text) and not can_fail):
        yield last.number


def find_silence(script: ProbeScript) -> Hits:
    """Find probes that have no word for a failure: all output is thrown away, or there is none."""
    if script.has(r">&2|\bsys\.exit\(|\bset\s+-[a-z]*x") or script.has(r"\bexec\s+\S*python"):
        return
    for line in script.lines:
        if re.search(r"(>\s*/dev/null\s+2>\s*&1|&>\s*/dev/null|2>\s*/dev/null)", line.text):
            yield line.number
            return
    last = script.lines[-1].text if script.lines else ""
    if re.search(r"(^|&&\s*|;\s*)(\[\[?|test)\s|\bgrep\s+(-\w*q)", last):
        yield script.lines[-1].number


BASHISMS = (
    r"(^|[\s;&|(!])\[\[\s",
    r"(^|\s)\[\s[^]]*\s==\s",
    r"(^|[^>&\d])&>",
    r"<<<",
    r"(^|\s)[<>]\(",
    r"(^|[;&|]\s*)function\s+\w+",
    r"\$\{\w+(//?|\^\^?|,,?|@)[^}]*\}",
    r"\$\{\w+:\s*-?\d+(:\d+)?\}",
    r"\$\{\w+\[",
    r"(^|\s)\w+=\(",
    r"(^|[;&|]\s*)source\s",
    r"(^|[\s;&|])\(\(",
    r"\$'",
    r"\{\d+\.\.\d+\}",
    r"\bset\s+-o\s+pipefail\b",
    r"(^|[;&|]\s*)(declare|typeset|shopt|mapfile|readarray|pushd|popd|disown|coproc)\b",
    r"\bread\s+-\w*[pasntdN]",
    r"(^|[;&|]\s*)echo\s+-[eE]\b",
    r"\$\{?(BASH\w*|SECONDS|HOSTNAME|OSTYPE|PIPESTATUS|FUNCNAME|EUID|UID)\b",
    r"\b(kill|trap)\s[^;|]*\b(ERR|DEBUG|RETURN)\b",
)


def find_bashisms(script: ProbeScript) -> Hits:
    """Find what dash does not know."""
    for number, text in ((line.number, line.text) for line in script.lines):
        if any(re.search(pattern, blank_quoted(text)) for pattern in BASHISMS):
            yield number


MARKER_FOLDERS = r"/(host(/\w+)*|tmp|var/tmp|agent-home|workspace|configs|dev/shm)"


def find_shared_markers(script: ProbeScript) -> Hits:
    """Find files that a probe writes under a name that other runs use as well."""
    target = rf"[\"']?{MARKER_FOLDERS}/[\w./-]+[\"']?(?=[\s;&|)]|$)"
    writes = rf"(>>?\|?\s*|\b(touch|tee|mkdir|rm|cp|mv|ln)\s+(-\S+\s+)*(\S+\s+)?){target}"
    assigns = rf"^\s*\w+={target}"
    used = {
        match[1] for line in script.lines for match in re.finditer(r">\s*\"?\$\{?(\w+)", line.text)
    }
    for line in script.lines:
        assigned = re.search(assigns, line.text)
        name = line.text.strip().partition("=")[0]
        if re.search(writes, line.text) or (assigned and name in used):
            yield line.number


def find_secrets_in_arguments(script: ProbeScript) -> Hits:
    """Find a secret that becomes an argument: `ps` and `sh -x` show it."""
    yield from script.search(
        r"(Authorization|Bearer|X-[\w-]*Token|PRIVATE-TOKEN)[^|<]*(\$\(|\$\{?\w)|"
        r"(\s-u|--user|--password|--token)[= ]\s*\S*\$",
        quoted=False,
    )


LIMITS = {
    "curl": r"--max-time|\s-\w*m\s*\d",
    "wget": r"--timeout|\s-T",
    "docker": "",
    "nc": r"\s-\w*w\s*\d",
    "ssh": r"ConnectTimeout",
    "ping": r"\s-\w*[wW]\s*\d",
}


def find_missing_timeouts(script: ProbeScript) -> Hits:
    """Find commands that may wait for ever, where the capability bounds nothing itself."""
    if script.capability.timeout is not None:
        return
    for line in script.lines:
        text = blank_quoted(line.text)
        for name, limit in LIMITS.items():
            call = re.search(rf"(^|[\s;&|(!`]){name}\s+(?=\S)", text)
            if not call or re.search(rf"\b(command\s+-v|which|type)\s+{name}\b", text):
                continue
            bounded = (limit and re.search(limit, text)) or re.search(r"\btimeout\s", text)
            if not bounded:
                yield line.number
                break


LOSING_PIPE = r"(?<!\|)\|\s*(tail|head|cat|tee|sort|wc|sed|tr|awk)\b[^|]*$"


def find_lost_statuses(script: ProbeScript) -> Hits:
    """Find a last pipe into a program that always succeeds."""
    for last in script.lines[-1:]:
        compares = re.search(r"^\s*(\[|test)\s|\$\(|`", last.text)
        if re.search(LOSING_PIPE, last.text) and not compares:
            yield last.number


def find_prepared_promises(script: ProbeScript) -> Hits:
    """Find a probe that makes what it asserts."""
    promised = r"/configs/\.auth_token|/agent-home/?[\"']?(\s|$|;)|/configs/\.platform_port"
    yield from script.search(rf"\b(chown|chmod|touch|install|mkdir|tee)\b[^;&|]*({promised})")
    yield from script.search(r">\s*[\"']?/configs/\.(auth_token|platform_port)")


def find_unproven_host_folders(script: ProbeScript) -> Hits:
    """Find a write to /host that a plain folder of the image would take as well."""
    if script.subject is Subject.HOST or script.has(
        r"mountinfo|mountpoint|findmnt|/proc/mounts|st_dev"
    ):
        return
    for number in script.search(r"(>>?\s*|\b(touch|tee|cp)\s+)[\"']?/host/|^\s*\w+=[\"']?/host/"):
        yield number
        return


def find_unproven_host_entries(script: ProbeScript) -> Hits:
    """Find an entry into PID 1 that the workspace's own PID 1 would let in as well."""
    if script.subject is Subject.HOST or script.has(r"/ns/"):
        return
    yield from script.search(r"\bnsenter\b[^|;]*(--target[= ]1\b|-t\s*1\b)")


def find_unmarked_secrets(script: ProbeScript) -> Hits:
    """Find a probe that reads the token, and is not marked as one with a secret."""
    if not script.capability.secret:
        yield from script.search(
            r"(\b(cat|sed|read|tr|cut|head|awk)\b[^|;]*|<\s*)[\"']?/configs/\.auth_token"
        )


CONTRACT_RULES: Sequence[ContractRule] = (
    ContractRule(
        name="own-uid",
        weakness="It asks who the probe is, and a probe always is who it was started as.",
        better="Look at the workload: the Uid line of /proc/PID/status of its oldest process.",
        find=find_own_uid,
    ),
    ContractRule(
        name="certain-pass",
        weakness="It ends with a status of 0 whatever came before: it cannot miss.",
        better='End with what decides: [ "$said" = 200 ] || { echo "It is $said." >&2; exit 1; }',
        find=find_certain_pass,
    ),
    ContractRule(
        name="silent-failure",
        weakness="It can fail without a word, and nobody learns why.",
        better='said=$(command 2>&1) || { echo "command failed: $said" >&2; exit 1; }',
        find=find_silence,
    ),
    ContractRule(
        name="bashism",
        weakness="Probes are run by 'sh', and dash does not know this.",
        better="Write POSIX shell: [ a = b ], '>file 2>&1', $(…), case for patterns.",
        find=find_bashisms,
    ),
    ContractRule(
        name="random-in-dash",
        weakness="$RANDOM is empty in dash: every run uses the same name.",
        better="Use $MOLECULE_T4_PROBE_ID, which is unique to the workspace and the probe.",
        find=lambda script: script.search(r"\$\{?RANDOM\b", quoted=False),
    ),
    ContractRule(
        name="shared-marker",
        weakness="It writes under a fixed name: two runs on one host take each other's file.",
        better="file=/host/var/tmp/.hardgate-$MOLECULE_T4_PROBE_ID; trap 'rm -f \"$file\"' EXIT",
        find=find_shared_markers,
    ),
    ContractRule(
        name="secret-in-arguments",
        weakness="A secret becomes an argument, which 'ps' and 'sh -x' show to everybody.",
        better="Hand it over on stdin: { printf 'header = \"…'; cat FILE; } | curl --config -",
        find=find_secrets_in_arguments,
    ),
    ContractRule(
        name="unmarked-secret",
        weakness="It reads the token, and is not marked with 'secret: true': a trace may show it.",
        better="Add 'secret: true' to the capability.",
        find=find_unmarked_secrets,
    ),
    ContractRule(
        name="no-timeout",
        weakness="It may wait for ever, and then is a miss without a reason.",
        better="Bound the command (curl --max-time 10, timeout 15 docker …), or give a 'timeout:'.",
        find=find_missing_timeouts,
    ),
    ContractRule(
        name="lost-status",
        weakness="Its last command is the end of a pipe that succeeds whatever came into it.",
        better='Keep the answer first: said=$(command 2>&1) || exit 1; echo "$said" | tail -n 5',
        find=find_lost_statuses,
    ),
    ContractRule(
        name="prepared-promise",
        weakness="It makes what it asserts: it would pass where nothing was made.",
        better="Look only; the workspace has to make it.",
        find=find_prepared_promises,
    ),
    ContractRule(
        name="folder-not-mount",
        weakness="A plain folder /host in the image takes the file, too.",
        better="First see that it is a mount: grep -q ' /host ' /proc/self/mountinfo",
        find=find_unproven_host_folders,
    ),
    ContractRule(
        name="own-pid-1",
        weakness="Without pid=host the same command enters the workspace's own PID 1, and passes.",
        better="Compare $(readlink /proc/self/ns/mnt) inside with the probe's own.",
        find=find_unproven_host_entries,
    ),
)
