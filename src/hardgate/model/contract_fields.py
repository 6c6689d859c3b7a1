"""The fields of a contract as tables: what the loader reads, refuses and warns of, by its subject.

The schema (`hardgate.model.contract_schema`) is written from the same tables.
"""

from enum import Enum

from hardgate.schema.fields import Field, TableList
from hardgate.schema.lists import Choices, Urls
from hardgate.schema.types import Choice, Flag, Name, Script, Seconds, Text, WholeNumber

CONTRACT_VERSION = 1
MAX_PROBE_BYTES = 64 * 1024
MAX_TIMEOUT_SECONDS = 3600
MAX_UID = 2**31 - 1


class Severity(Enum):
    """What a miss costs: `hard` makes the run red, `advisory` is told and lets it be."""

    HARD = "hard"
    ADVISORY = "advisory"


class Subject(Enum):
    """What a contract is about, and so where its probes run."""

    WORKSPACE = "workspace"
    HOST = "host"


class ProbeUser(Enum):
    """Who a host's probe is run as."""

    RUNNER = "runner"
    ROOT = "root"


HOST_VARIABLES = {
    "HARDGATE_RUNNER_USER": "name of the runner's user",
    "HARDGATE_RUNNER_HOME": "its folder",
    "HARDGATE_RUNNER_PROGRAM": "path of the runner's binary",
    "HARDGATE_RUNNER_SHA256": "the binary's pinned sha256",
    "HARDGATE_RUNNER_CONFIG": "path of its configuration file",
    "HARDGATE_RUNNER_REGISTRATION": "paths of the private files of its registration, by spaces",
    "HARDGATE_RUNNER_LABELS": "its labels as the forge sees them, by commas",
    "HARDGATE_RUNNER_SERVICE": "name of its systemd unit; empty where there is no systemd",
    "HARDGATE_RUNNER_TIMER": "name of the reaping timer",
    "HARDGATE_RUNNER_PIDFILE": "the supervisor's pid file, where there is no systemd",
    "HARDGATE_FORGE_URL": "the forge's address",
    "HARDGATE_DISK_MIB": "least free disk, in MiB",
    "HARDGATE_INODES": "least free inodes, in number",
    "HARDGATE_CLOCK_SECONDS": "greatest difference of the clock, in seconds",
}
"""What a host's probes may ask for. No secret is ever among them."""

CAPABILITY_FIELDS = (
    Field(name="name", shape=Name(), about="what reports and commands call it, unique in the file"),
    Field(name="description", shape=Text(), about="what must hold"),
    Field(
        name="severity",
        shape=Choice(options=tuple(severity.value for severity in Severity)),
        about="what a miss costs, 'hard' or 'advisory'",
    ),
    Field(name="source", shape=Text(), about="why it exists"),
    Field(
        name="probe",
        shape=Script(max_bytes=MAX_PROBE_BYTES),
        about="a POSIX shell script, run unchanged in the workspace as the agent; exit 0 is a pass",
    ),
    Field(
        name="required_egress",
        shape=Urls(),
        about="the URLs that the probe tries where the caller names none",
        required=False,
    ),
    Field(
        name="hint",
        shape=Text(),
        about="what to do about a miss (beyond schema version 1)",
        required=False,
        extra=True,
    ),
    Field(
        name="timeout",
        shape=Seconds(max_seconds=MAX_TIMEOUT_SECONDS),
        about="seconds for the probe, in place of the run's (beyond schema version 1)",
        required=False,
        extra=True,
    ),
    Field(
        name="secret",
        shape=Flag(),
        about="whether the probe handles a secret (beyond schema version 1)",
        required=False,
        extra=True,
        fallback=True,
    ),
    Field(
        name="rerun",
        shape=Flag(),
        about="false where a second run would do harm or tell nothing (beyond schema version 1)",
        required=False,
        extra=True,
        fallback=False,
    ),
    Field(
        name="user",
        shape=Choice(options=tuple(user.value for user in ProbeUser)),
        about="who a host's probe is run as, 'runner' or 'root' (beyond schema version 1)",
        required=False,
    ),
)

_FIELD_SUBJECTS = {
    "agent_uid": Subject.WORKSPACE,
    "required_egress": Subject.WORKSPACE,
    "user": Subject.HOST,
    "variables": Subject.HOST,
}


def select_fields(fields: tuple[Field, ...], subject: Subject) -> tuple[Field, ...]:
    """Pick the fields that are known where a contract has this subject."""
    return tuple(field for field in fields if _FIELD_SUBJECTS.get(field.name, subject) is subject)


CONTRACT_FIELDS = (
    Field(
        name="version",
        shape=WholeNumber(lowest=CONTRACT_VERSION, highest=CONTRACT_VERSION),
        about=f"the schema's version, {CONTRACT_VERSION}",
        remedy=f"This hardgate reads version {CONTRACT_VERSION}, a number without quotes.",
    ),
    Field(
        name="subject",
        shape=Choice(options=tuple(subject.value for subject in Subject)),
        about="what it is about, 'workspace' or 'host' (beyond schema version 1)",
        required=False,
        extra=True,
    ),
    Field(
        name="agent_uid",
        shape=WholeNumber(lowest=1, highest=MAX_UID),
        about="the uid that the agent runs under",
        remedy=f"Use a number from 1 to {MAX_UID}, without quotes; an agent is never root (0).",
        absent=(
            "Add 'agent_uid': the uid that the agent runs under; or 'subject: host', where the "
            "probes look at a host."
        ),
    ),
    Field(
        name="variables",
        shape=Choices(known=tuple(HOST_VARIABLES), noun="names of variables"),
        about="the variables that a host's probes see (beyond schema version 1)",
        required=False,
    ),
    Field(
        name="capabilities",
        shape=TableList(fields=CAPABILITY_FIELDS, noun="capabilities"),
        about="the promises, at least one",
    ),
)
