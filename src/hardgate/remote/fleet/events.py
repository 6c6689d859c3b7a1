"""Hears a fleet's play as it goes: events of many hosts in, how each image stands there out."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hardgate.ansible.play import Event, failure_of
from hardgate.errors import HardgateError
from hardgate.remote.fleet.request import FleetImage, FleetRequest
from hardgate.remote.fleet.status import Standing
from hardgate.remote.gate_summary import Asked, Said, SummaryError, read_said
from hardgate.report.folder import folder_of

BEGUN = "turn_of_image"
"""The key by which the role says which image it turns to: its number in the request."""
ANSWER = "remote_gate"
"""The key of what a gate answered: `exit_code`, `summary`, and the last lines that it `said`."""
SILENT = HardgateError("Nothing was heard of it.", "Read what Ansible said, and run it again.")


Tell = Callable[[Standing], None]


class Hearing:
    """Takes in one event after the other, in the play's own thread."""

    def __init__(self, request: FleetRequest, tell: Tell) -> None:
        """Hear for one run; `tell` gets each standing as it is known."""
        self._request = request
        self._tell = tell
        self._now: dict[str, FleetImage] = {}
        self._standings: dict[tuple[str, str], Standing] = {}
        self._lost: dict[str, HardgateError] = {}
        self.remarks: list[str] = []
        """What went wrong after a gate had answered; whole sentences."""

    def hear(self, event: Event) -> None:
        """Take in one event."""
        kind, data = event.get("event"), event.get("event_data", {})
        host = str(data.get("host", ""))
        match kind:
            case "runner_on_ok":
                self._take(host, data.get("res", {}))
            case "runner_on_failed" if not data.get("ignore_errors"):
                self._fail(host, failure_of(data))
            case "runner_on_unreachable":
                self._lose(host, data.get("res", {}))
            case _:
                pass

    def standings(self, otherwise: HardgateError | None = None) -> tuple[Standing, ...]:
        """Give a standing for each image on each of its hosts, whatever was heard.

        `otherwise` says why nothing was, where that is known.
        """
        return tuple(
            self._standings.get((image.reference, host))
            or Standing(image=image, host=host, trouble=self._lost.get(host) or otherwise or SILENT)
            for image in self._request.images
            for host in image.hosts
        )

    def _take(self, host: str, result: Mapping[str, Any]) -> None:
        for told in _parts(result):
            if BEGUN in told:
                self._now[host] = self._request.images[int(told[BEGUN])]
            if ANSWER in told:
                self._answer(host, told[ANSWER])

    def _answer(self, host: str, answer: Mapping[str, Any]) -> None:
        image = self._now.get(host)
        if image is None:
            return
        said: Said | None = None
        trouble: HardgateError | None = None
        try:
            said = read_said(answer.get("summary"), answer.get("exit_code"), self._asked(image))
        except SummaryError as error:
            trouble = HardgateError(error.problem, error.remedy, evidence=_words(answer))
        self._settle(
            Standing(
                image=image,
                host=host,
                said=said,
                trouble=trouble,
                reports=f"{folder_of(host)}/{folder_of(image.reference)}",
            )
        )

    def _asked(self, image: FleetImage) -> Asked:
        return Asked(reference=image.reference, plan=image.plan, host_kind=self._request.host_kind)

    def _fail(self, host: str, error: HardgateError) -> None:
        image = self._now.get(host)
        if image is None:
            self._lost.setdefault(host, error)
        elif (image.reference, host) in self._standings:
            self.remarks.append(
                f"After the gate of '{image.reference}' on '{host}' had answered: {error.problem}"
            )
        else:
            self._settle(Standing(image=image, host=host, trouble=error))

    def _lose(self, host: str, result: Mapping[str, Any]) -> None:
        words = " ".join(str(result.get("msg") or "it gave no reason").split()).rstrip(".")
        self._lost[host] = HardgateError(
            f"Host '{host}' cannot be reached: {words}.",
            f"See 'ansible -i {self._request.inventory.path} -m ping {host}'.",
        )

    def _settle(self, standing: Standing) -> None:
        self._standings[standing.image.reference, standing.host] = standing
        self._tell(standing)


def _parts(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield where a task's answer may stand: of its own, in a message, or as a fact."""
    yield result
    for key in ("msg", "ansible_facts"):
        if isinstance(result.get(key), dict):
            yield result[key]


def _words(answer: Mapping[str, Any]) -> str:
    """Give the last that a gate's process said."""
    return "\n".join(map(str, answer.get("said") or ())).strip()
