"""Several runs of a fleet as one: each gate's own summary is read again, with the same distrust.

What a run's `fleet.json` concluded is not believed. It says which gates there were and how their
processes ended; verdicts come from the `summary.json` of each gate, against the contracts of today.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hardgate.errors import HardgateError, UsageError
from hardgate.remote.fleet.folder import JSON_FILE
from hardgate.remote.fleet.report_json import FLEET_SCHEMA_VERSION
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.report.folder import make_folder_name
from hardgate.report.gate_summary import ExpectedRun, SummaryError, read_gate_summary
from hardgate.report.read_summary import SUMMARY_FILE
from hardgate.system.regular_file import read_regular_file
from hardgate.text.printable import make_printable
from hardgate.text.strict_json import parse_strict_json

T = TypeVar("T")
MAX_JSON_BYTES = 64 * 2**20
"""Bytes of one file of a run; a fleet of 10,000 gates has some 20 MB."""
UNREAD_REMEDY = "Name folders that 'hardgate fleet' wrote, whole, with the reports of their gates."
MISSING_ERROR = HardgateError(
    "None of the merged runs has it.", "Merge the run that verified it there, or run it again."
)


@dataclass(frozen=True, kw_only=True)
class PartGate:
    """One image on one host, as a run's `fleet.json` lists it."""

    image: str
    host: str
    exit_status: int | None
    """None where the run heard of no summary that it could rely on."""
    run: str
    error: HardgateError | None


@dataclass(frozen=True, kw_only=True)
class FleetPart:
    """One run of those that are merged."""

    folder: Path
    id: str
    started_at: datetime
    seconds: float
    host_kind: str
    hosts: tuple[str, ...]
    gates: tuple[PartGate, ...]
    problem: HardgateError | None
    """Why its play did not come to its end."""


@dataclass(frozen=True, kw_only=True)
class MergedStatuses:
    """What all parts together say."""

    statuses: tuple[ImageStatus, ...]
    remarks: tuple[str, ...]
    """What a reader has to know of how they came together; whole sentences."""
    folders: Mapping[tuple[str, str], Path]
    """Where the reports of each gate lie that counts, by image and host."""


def read_fleet_part(folder: Path) -> FleetPart:
    """Read a run's folder; raises UsageError where it says nothing that can be relied on."""
    file = folder / JSON_FILE
    try:
        document = parse_strict_json(read_regular_file(file, MAX_JSON_BYTES))
    except (OSError, ValueError) as error:
        raise UsageError(f"'{file}' cannot be read: {error}.", UNREAD_REMEDY) from error
    try:
        return _parse_fleet_part(folder, document)
    except _GarbledError as error:
        raise UsageError(f"'{file}' cannot be relied on: {error}.", UNREAD_REMEDY) from error


def require_distinct_parts(parts: Sequence[FleetPart]) -> None:
    """Refuse a run that is named twice, and runs on different kinds of test host."""
    seen: dict[str, Path] = {}
    for part in parts:
        if part.id in seen:
            raise UsageError(
                f"'{seen[part.id]}' and '{part.folder}' are one run, {part.id}.",
                "Name each run once.",
            )
        seen[part.id] = part.folder
    kinds = sorted({part.host_kind for part in parts})
    if len(kinds) > 1:
        raise UsageError(
            f"The runs were on different kinds of test host: {', '.join(kinds)}.",
            "Merge runs of one kind; a direct one hands the host to the image.",
        )


def list_part_hosts(parts: Iterable[FleetPart]) -> tuple[str, ...]:
    """Name the hosts of all parts, sorted."""
    return tuple(sorted({host for part in parts for host in part.hosts}))


def list_image_hosts(parts: Iterable[FleetPart]) -> dict[str, tuple[str, ...]]:
    """Give the hosts of each image, as the parts list them, sorted."""
    hosts: dict[str, set[str]] = {}
    for gate in (gate for part in parts for gate in part.gates):
        hosts.setdefault(gate.image, set()).add(gate.host)
    return {image: tuple(sorted(found)) for image, found in hosts.items()}


def merge_statuses(images: Sequence[FleetImage], parts: Sequence[FleetPart]) -> MergedStatuses:
    """Give a status for each image on each of its hosts, of the gate that counts there."""
    found: dict[tuple[str, str], list[tuple[FleetPart, PartGate]]] = {}
    for part in parts:
        for gate in part.gates:
            found.setdefault((gate.image, gate.host), []).append((part, gate))
    statuses, remarks, folders = [], list[str](), {}
    for image in images:
        for host in image.hosts:
            results = [
                _read_result(image, host, part, gate)
                for part, gate in found.pop((image.reference, host), [])
            ]
            if not results:
                statuses.append(ImageStatus(image=image, host=host, summary_error=MISSING_ERROR))
                continue
            counting = choose_result(results)
            statuses.append(counting.status)
            remarks += _explain_choice(counting, results)
            folders[image.reference, host] = locate_gate_reports(
                counting.part, host, image.reference
            )
    remarks += [
        f"Run {part.id} has '{gate.image}' on '{gate.host}', which was not asked for."
        for left_over in found.values()
        for part, gate in left_over
    ]
    return MergedStatuses(statuses=tuple(statuses), remarks=tuple(remarks), folders=folders)


@dataclass(frozen=True, kw_only=True)
class PartResult:
    """What one run has of an image on a host."""

    part: FleetPart
    status: ImageStatus

    @property
    def started_at(self) -> datetime:
        """Give when its gate began, by its host's clock, which is the same for all of its runs."""
        summary = self.status.gate_summary
        return (summary.started_at if summary else None) or self.part.started_at

    @property
    def ended_at(self) -> datetime:
        """Give when its gate ended."""
        summary = self.status.gate_summary
        return self.started_at + timedelta(seconds=summary.seconds if summary else 0)


def choose_result(results: Sequence[PartResult]) -> PartResult:
    """Take the latest result; of those whose gates ran at the same time as that, the worst."""
    latest = max(results, key=lambda result: result.started_at)
    return min(_list_beside(latest, results), key=lambda result: _BY_WEIGHT[result.status.state])


_BY_WEIGHT = {
    state: weight
    for weight, state in enumerate(
        (ImageState.RED, ImageState.STALE, ImageState.UNKNOWN, ImageState.GREEN)
    )
}


def _list_beside(latest: PartResult, results: Sequence[PartResult]) -> list[PartResult]:
    """Give those that neither came before it nor after, and itself as the first."""
    others = [
        result
        for result in results
        if result is not latest
        and (result.ended_at > latest.started_at or result.started_at == latest.started_at)
    ]
    return [latest, *others]


def _explain_choice(counting: PartResult, results: Sequence[PartResult]) -> Iterator[str]:
    """Name the runs that have another result of the same gate."""
    subject = f"'{counting.status.image.reference}' on '{counting.status.host}'"
    beside = _list_beside(max(results, key=lambda result: result.started_at), results)
    for result in results:
        if result is counting:
            continue
        if any(result is one for one in beside):
            yield (
                f"{subject} is {counting.status.state.value} as run {counting.part.id} found it. "
                f"Run {result.part.id} looked at the same time, and found it "
                f"{result.status.state.value}."
            )
        else:
            yield (
                f"{subject} is as run {counting.part.id} found it, not as the older run "
                f"{result.part.id} did."
            )


def find_part_problem(parts: Iterable[FleetPart]) -> HardgateError | None:
    """Give the first trouble that a run had as a whole: what it then left out is not known."""
    return next((part.problem for part in parts if part.problem), None)


def locate_gate_reports(part: FleetPart, host: str, reference: str) -> Path:
    """Give where a run has a gate's reports: by the names, and not by what its file says."""
    return part.folder / make_folder_name(host) / make_folder_name(reference)


def _read_result(image: FleetImage, host: str, part: FleetPart, gate: PartGate) -> PartResult:
    return PartResult(part=part, status=_read_status(image, host, part, gate))


def _read_status(image: FleetImage, host: str, part: FleetPart, gate: PartGate) -> ImageStatus:
    if gate.exit_status is None:
        return ImageStatus(image=image, host=host, summary_error=gate.error or MISSING_ERROR)
    folder = locate_gate_reports(part, host, image.reference)
    expected = ExpectedRun(reference=image.reference, plan=image.plan, host_kind=part.host_kind)
    try:
        summary = parse_strict_json(read_regular_file(folder / SUMMARY_FILE, MAX_JSON_BYTES))
        parsed = read_gate_summary(summary, gate.exit_status, expected)
        if parsed.run != gate.run:
            raise SummaryError(
                f"Its summary is of run {make_printable(parsed.run)}, and fleet run {part.id} "
                f"heard of run {make_printable(gate.run)}."
            )
    except (OSError, ValueError) as error:
        problem = f"The summary of its gate cannot be read: {error}."
        return ImageStatus(
            image=image, host=host, summary_error=HardgateError(problem, UNREAD_REMEDY)
        )
    except SummaryError as error:
        return ImageStatus(image=image, host=host, summary_error=error)
    reports = folder.relative_to(part.folder).as_posix()
    return ImageStatus(image=image, host=host, gate_summary=parsed, reports=reports)


class _GarbledError(Exception):
    """A `fleet.json` is not as its schema says; without a full stop."""


def _parse_fleet_part(folder: Path, document: Any) -> FleetPart:
    table = _require(document, dict, "the whole")
    version = table.get("schema_version")
    if version != FLEET_SCHEMA_VERSION or isinstance(version, bool):
        raise _GarbledError(
            f"its schema version is {_shorten(version)}, not {FLEET_SCHEMA_VERSION}"
        )
    gates = tuple(_parse_gate(item) for item in _get(table, "standings", list))
    _refuse_gaps(table, gates)
    return FleetPart(
        folder=folder,
        id=_get_name(table, "id"),
        started_at=_parse_time(_get(table, "started_at", str)),
        seconds=float(_get(table, "seconds", (int, float))),
        host_kind=_get_name(table, "host_kind"),
        hosts=tuple(_require(host, str, "a host") for host in _get(table, "hosts", list)),
        gates=gates,
        problem=_parse_error(table, "error"),
    )


def _refuse_gaps(table: Mapping[str, Any], gates: Sequence[PartGate]) -> None:
    """Refuse a file that does not have each image on each of its hosts once."""
    listed = Counter((gate.image, gate.host) for gate in gates)
    planned = Counter(_list_planned(table))
    for (image, host), count in planned.items():
        if (count, listed[image, host]) != (1, 1):
            raise _GarbledError(
                f"it has {listed[image, host]} results of {_shorten(image)} on {_shorten(host)}, "
                f"which it lists {count} times"
            )
    if listed != planned:
        raise _GarbledError("it has results that none of its images is for")


def _list_planned(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in _get(table, "images", list):
        image = _require(item, dict, "an image")
        for host in _get(image, "hosts", list):
            yield _get(image, "reference", str), _require(host, str, "a host")


def _parse_gate(item: Any) -> PartGate:
    table = _require(item, dict, "a result")
    gate = table.get("gate", table)
    if gate is not None:
        gate = _get(table, "gate", dict)
    return PartGate(
        image=_get(table, "image", str),
        host=_get(table, "host", str),
        exit_status=None if gate is None else _get(gate, "exit_code", int),
        run="" if gate is None else _get(gate, "run", str),
        error=_parse_error(table, "error"),
    )


def _parse_error(table: Mapping[str, Any], key: str) -> HardgateError | None:
    if table.get(key, table) is None:
        return None
    error = _get(table, key, dict)
    return HardgateError(
        _get(error, "problem", str),
        _get(error, "remedy", str),
        evidence=_get(error, "evidence", str),
    )


def _parse_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise _GarbledError(f"'started_at' is {_shorten(text)}, which is not a time with a zone")
    return time


def _get_name(table: Mapping[str, Any], key: str) -> str:
    name = _get(table, key, str)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise _GarbledError(f"'{key}' is {_shorten(name)}")
    return name


def _get(table: Mapping[str, Any], key: str, kind: type[T] | tuple[type[T], ...]) -> T:
    return _require(table.get(key), kind, f"'{key}'")


def _require(value: Any, kind: type[T] | tuple[type[T], ...], what: str) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _GarbledError(f"{what} is {_shorten(value)}")
    return value


def _shorten(value: Any) -> str:
    text = make_printable(repr(value))
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - enough to find it
