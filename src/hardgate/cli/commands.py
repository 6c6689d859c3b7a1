"""The commands of `hardgate`: what people do with each, in one table. Each is a module beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """What people do; help lists the commands by it."""

    IMAGE = "Verify an image"
    TEMPLATE = "Validate a template"
    HOSTS = "Run a fleet"
    MACHINE = "Look after a machine"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command, as help describes it."""

    purpose: Purpose
    about: str
    """One sentence without its full stop, from the reader's side."""
    example: str
    """A command line that works."""


COMMANDS: Mapping[str, Command] = {
    "gate": Command(
        purpose=Purpose.IMAGE,
        about="build an image, verify it against its contract, and report",
        example="hardgate gate --context . --egress https://example.org",
    ),
    "shell": Command(
        purpose=Purpose.IMAGE,
        about="open a shell, or run a command, as the agent in an image's workspace",
        example="hardgate shell --context . -- id",
    ),
    "probe": Command(
        purpose=Purpose.IMAGE,
        about="run one script as a probe in an image's workspace, and explain it",
        example="hardgate probe --script probe.sh --context .",
    ),
    "verify": Command(
        purpose=Purpose.IMAGE,
        about="check what a signed attestation proves of an image before it is deployed",
        example="hardgate verify attestation.json --key signer.pub --image app:1",
    ),
    "explain": Command(
        purpose=Purpose.IMAGE,
        about="describe a capability and what breaks it, or why a run is red",
        example="hardgate explain --run reports/t4/latest",
    ),
    "report": Command(
        purpose=Purpose.IMAGE,
        about="make the reports of a finished run anew, in any format",
        example="hardgate report reports/t4/latest --format markdown",
    ),
    "diff": Command(
        purpose=Purpose.IMAGE,
        about="compare two runs: what is newly failing, fixed, absent, flaky or slower",
        example="hardgate diff OLD-RUN reports/t4/latest",
    ),
    "history": Command(
        purpose=Purpose.IMAGE,
        about="show flakiness and time of each capability over the runs of a folder",
        example="hardgate history reports/t4 --html history.html",
    ),
    "build": Command(
        purpose=Purpose.IMAGE,
        about="build an image as the gate does, and print its digest",
        example="hardgate build --context .",
    ),
    "contract": Command(
        purpose=Purpose.IMAGE,
        about="list a contract's weak probes, or what a second one demands and the first does not",
        example="hardgate contract check contract.yaml",
    ),
    "mutants": Command(
        purpose=Purpose.IMAGE,
        about="break an image on purpose, and list which promises notice",
        example="hardgate mutants --context . --egress beacon",
    ),
    "validate": Command(
        purpose=Purpose.TEMPLATE,
        about="decide whether a template may be merged, from its six checks",
        example="hardgate validate --run",
    ),
    "static": Command(
        purpose=Purpose.TEMPLATE,
        about="check a template's files without running any of its code",
        example="hardgate static --context .",
    ),
    "adapter": Command(
        purpose=Purpose.TEMPLATE,
        about="run the template's own unit tests",
        example="hardgate adapter --context .",
    ),
    "secrets": Command(
        purpose=Purpose.TEMPLATE,
        about="search what a change adds for credentials",
        example="hardgate secrets --base origin/main",
    ),
    "runtime": Command(
        purpose=Purpose.TEMPLATE,
        about="boot an image by its real entrypoint, stop it, and boot it again",
        example="hardgate runtime --context .",
    ),
    "init": Command(
        purpose=Purpose.TEMPLATE,
        about="write a noxfile and workflows into a template",
        example="hardgate init",
    ),
    "doctor": Command(
        purpose=Purpose.TEMPLATE,
        about="list what this machine and the template lack, and what to do",
        example="hardgate doctor --context .",
    ),
    "runner": Command(
        purpose=Purpose.HOSTS,
        about="make hosts self-hosted runners, and prove them",
        example="hardgate runner -i inventory.yml",
    ),
    "fleet": Command(
        purpose=Purpose.HOSTS,
        about="verify many images on many hosts",
        example="pipx run nox -s fleet -- -i inventory.yml --images images.yaml",
    ),
    "engine": Command(
        purpose=Purpose.MACHINE,
        about="make a Docker Engine and a base answer here, or remove what that installed",
        example="hardgate engine",
    ),
    "reap": Command(
        purpose=Purpose.MACHINE,
        about="remove what dead runs left behind, or one run by its id",
        example="hardgate reap",
    ),
    "completion": Command(
        purpose=Purpose.MACHINE,
        about="print the completion script of a shell",
        example='eval "$(hardgate completion bash)"',
    ),
}


def format_command_list() -> str:
    """List the commands, grouped by what people do."""
    width = max(map(len, COMMANDS))
    groups = [
        "\n".join(
            [
                f"{purpose.value}:",
                *(
                    f"  {name:<{width}}  {command.about}"
                    for name, command in COMMANDS.items()
                    if command.purpose is purpose
                ),
            ]
        )
        for purpose in Purpose
    ]
    return "\n\n".join(groups)
