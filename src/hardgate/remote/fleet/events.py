"""Hears a fleet's play as it goes: events of many hosts in, how each image stands there out."""

from collections.abc import Callable, Mapping
from typing import Any

from hardgate.ansible.events import (
    HostUnreachable,
    PlayEvent,
    TaskFailed,
    TaskOk,
    make_task_error,
)
from hardgate.errors import HardgateError
from hardgate.redaction import Redactor
from hardgate.remote.fleet.request import FleetImage, FleetRequest
from hardgate.remote.fleet.status import ImageStatus
from hardgate.remote.task_answers import GateAnswer, list_result_mappings
from hardgate.report.folder import make_folder_name
from hardgate.report.gate_summary import ExpectedRun, GateSummary, SummaryError

IMAGE_NUMBER_KEY = "turn_of_image"
"""The key by which the role says which image it turns to: its number in the request."""
SILENT_ERROR = HardgateError(
    "Nothing was heard of it.", "Read what Ansible said, and run it again."
)


StatusCallback = Callable[[ImageStatus], None]


class FleetEventHandler:
    """Takes in one event after the other, in the play's own thread."""

    def __init__(self, request: FleetRequest, on_status: StatusCallback) -> None:
        """Hear for one run; `tell` gets each standing as it is known."""
        self._request = request
        self._on_status = on_status
        self._current_images: dict[str, FleetImage] = {}
        self._statuses: dict[tuple[str, str], ImageStatus] = {}
        self._host_errors: dict[str, HardgateError] = {}
        self.remarks: list[str] = []
        """What went wrong after a gate had answered; whole sentences."""

    def handle_event(self, event: PlayEvent) -> None:
        """Take in one event."""
        match event:
            case TaskOk(is_item=False):
                self._read_task_result(event.host, event.result)
            case TaskFailed():
                self._record_task_failure(event.host, make_task_error(event))
            case HostUnreachable():
                self._record_unreachable(event)
            case _:
                pass

    def collect_statuses(
        self, default_error: HardgateError | None = None
    ) -> tuple[ImageStatus, ...]:
        """Give a standing for each image on each of its hosts, whatever was heard.

        `otherwise` says why nothing was, where that is known.
        """
        return tuple(
            self._statuses.get((image.reference, host))
            or ImageStatus(
                image=image,
                host=host,
                summary_error=self._host_errors.get(host) or default_error or SILENT_ERROR,
            )
            for image in self._request.images
            for host in image.hosts
        )

    def _read_task_result(self, host: str, result: Mapping[str, Any]) -> None:
        for mapping in list_result_mappings(result):
            if IMAGE_NUMBER_KEY in mapping:
                self._current_images[host] = self._request.images[int(mapping[IMAGE_NUMBER_KEY])]
        answer = GateAnswer.find(result, Redactor())
        image = self._current_images.get(host)
        if answer is not None and image is not None:
            self._record_gate_answer(host, image, answer)

    def _record_gate_answer(self, host: str, image: FleetImage, answer: GateAnswer) -> None:
        summary: GateSummary | None = None
        summary_error: HardgateError | None = None
        try:
            summary = answer.read_summary(self._make_expected_run(image))
        except SummaryError as error:
            summary_error = error
        self._publish_status(
            ImageStatus(
                image=image,
                host=host,
                gate_summary=summary,
                summary_error=summary_error,
                reports=f"{make_folder_name(host)}/{make_folder_name(image.reference)}",
            )
        )

    def _make_expected_run(self, image: FleetImage) -> ExpectedRun:
        return ExpectedRun(
            reference=image.reference, plan=image.plan, host_kind=self._request.host_kind
        )

    def _record_task_failure(self, host: str, error: HardgateError) -> None:
        image = self._current_images.get(host)
        if image is None:
            self._host_errors.setdefault(host, error)
        elif (image.reference, host) in self._statuses:
            self.remarks.append(
                f"After the gate of '{image.reference}' on '{host}' had answered: {error.problem}"
            )
        else:
            self._publish_status(ImageStatus(image=image, host=host, summary_error=error))

    def _record_unreachable(self, event: HostUnreachable) -> None:
        host = event.host
        message = " ".join((event.message or "it gave no reason").split()).rstrip(".")
        self._host_errors[host] = HardgateError(
            f"Host '{host}' cannot be reached: {message}.",
            f"See 'ansible -i {self._request.inventory.path} -m ping {host}'.",
        )

    def _publish_status(self, status: ImageStatus) -> None:
        self._statuses[status.image.reference, status.host] = status
        self._on_status(status)
