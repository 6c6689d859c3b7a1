"""Several runs as one: what counts is each gate's own summary, read again, and nothing is lost."""

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hardgate.cli.fleet import place_images
from hardgate.errors import ExitCode, UsageError
from hardgate.model.run import Run
from hardgate.redaction import Redactor
from hardgate.remote.fleet.folder import open_fleet_folder, write_fleet_reports
from hardgate.remote.fleet.image_list import ImageEntry, ImageList
from hardgate.remote.fleet.merge import (
    FleetPart,
    list_image_hosts,
    list_part_hosts,
    read_fleet_part,
    require_distinct_parts,
)
from hardgate.remote.fleet.merged_run import MergeRequest, merge_fleet
from hardgate.remote.fleet.report_json import FLEET_SCHEMA_FILE
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.report.console import Console
from hardgate.report.folder import make_folder_name
from tests.unit import fleets, runs

SCHEMA = Draft202012Validator(json.loads(FLEET_SCHEMA_FILE.read_text()))
Results = Sequence[tuple[str, Run | None]]
"""Hosts, and what the gate of `app:1` did there; None: the host was lost."""


def write_part(folder: Path, results: Results, reference: str = "app:1", **changes: Any) -> Path:
    """Write what a run of a fleet leaves."""
    about = fleets.image(reference, hosts=[host for host, _ in results])
    statuses = []
    for host, run in results:
        if run is None:
            statuses.append(ImageStatus(image=about, host=host, summary_error=fleets.LOST))
            continue
        statuses.append(fleets.standing(about, host, run))
        reports = folder / make_folder_name(host) / make_folder_name(reference)
        reports.mkdir(parents=True)
        (reports / "summary.json").write_text(json.dumps(fleets.told(run, about)))
        (reports / "junit.xml").write_text("<testsuites/>")
    fleet: FleetRun = replace(fleets.fleet(*statuses), **{"id": folder.name, **changes})
    write_fleet_reports(fleet, open_fleet_folder(folder, fleet.id), Redactor())
    return folder


def merge(
    out: Path, folders: Sequence[Path], *images: FleetImage, complete: bool = False
) -> tuple[ExitCode, dict[str, Any], str]:
    """Merge runs; give the exit code, the merged file, and what the terminal shows."""
    parts = tuple(map(read_fleet_part, folders))
    require_distinct_parts(parts)
    spoken, published = io.StringIO(), list[str]()
    request = MergeRequest(
        parts=parts,
        contract=fleets.WANTED,
        images=images or (fleets.image("app:1", hosts=list_image_hosts(parts)["app:1"]),),
        hosts=list_part_hosts(parts),
        is_complete=complete,
        out=out,
        publish_summary=published.append,
    )
    code = merge_fleet(request, Console(spoken))
    merged = json.loads((out / "fleet.json").read_text())
    SCHEMA.validate(merged)
    assert published == [(out / "fleet.md").read_text()]
    assert merged["exit_code"] == code
    return code, merged, spoken.getvalue()


def change_file(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file in place."""
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def states_of(merged: dict[str, Any]) -> dict[str, str]:
    """Give the state of each host."""
    return {one["host"]: one["state"] for one in merged["standings"]}


def test_two_green_runs_are_one_green_run(tmp_path: Path) -> None:
    parts = [
        write_part(tmp_path / "a", [("alpha", runs.green())]),
        write_part(tmp_path / "b", [("beta", runs.green()), ("gamma", runs.green())]),
    ]
    code, merged, spoken = merge(tmp_path / "out", parts)
    assert code is ExitCode.HELD
    assert states_of(merged) == {"alpha": "green", "beta": "green", "gamma": "green"}
    assert merged["hosts"] == ["alpha", "beta", "gamma"]
    assert "FLEET GREEN: 3 of 3 gates" in spoken.splitlines()[-1]
    assert any("These are the results of 2 runs: a " in one for one in merged["notices"])
    assert any("With '-i'" in one for one in merged["notices"])
    for host in merged["hosts"]:
        for name in ("summary.json", "junit.xml"):
            assert (tmp_path / "out" / host / make_folder_name("app:1") / name).stat().st_size
    for name in ("fleet.md", "junit.xml", "report.html"):
        assert (tmp_path / "out" / name).stat().st_size


@pytest.mark.parametrize(
    ("run", "code", "state"),
    [
        (runs.red(), ExitCode.BROKEN, ImageState.RED),
        (None, ExitCode.UNKNOWN, ImageState.UNKNOWN),
        (runs.build_failed(), ExitCode.UNKNOWN, ImageState.UNKNOWN),
        (runs.partial(), ExitCode.BROKEN, ImageState.STALE),
    ],
)
def test_one_run_that_is_not_green_keeps_all_from_green(
    run: Run | None, code: ExitCode, state: ImageState, tmp_path: Path
) -> None:
    parts = [
        write_part(tmp_path / "a", [("alpha", runs.green())]),
        write_part(tmp_path / "b", [("beta", run)]),
    ]
    found, merged, _ = merge(tmp_path / "out", parts)
    assert found is code
    assert states_of(merged) == {"alpha": "green", "beta": state.value}


def begun(run: Run, time: str) -> Run:
    """Let a gate begin at another time of a day, in UTC."""
    return replace(run, started_at=f"2025-11-24T{time}+00:00")


def test_a_later_gate_counts_and_the_reports_say_so(tmp_path: Path) -> None:
    red = write_part(tmp_path / "red", [("alpha", begun(runs.red(), "08:00:00"))])
    later = write_part(tmp_path / "later", [("alpha", begun(runs.green(), "09:00:00"))])
    for order in ([red, later], [later, red]):
        code, merged, _ = merge(tmp_path / f"out{order[0].name}", order)
        assert code is ExitCode.HELD
        assert any("not as the older run red did" in one for one in merged["notices"])
    earlier = write_part(tmp_path / "earlier", [("alpha", begun(runs.green(), "07:00:00"))])
    assert merge(tmp_path / "out", [earlier, red])[0] is ExitCode.BROKEN


@pytest.mark.parametrize("time", ["08:00:00", "08:00:05"])
@pytest.mark.parametrize(
    ("worse", "code"),
    [(runs.red(), ExitCode.BROKEN), (runs.build_failed(), ExitCode.UNKNOWN)],
)
def test_of_two_gates_at_the_same_time_the_worse_counts(
    worse: Run, code: ExitCode, time: str, tmp_path: Path
) -> None:
    first = replace(begun(worse, "08:00:00"), seconds=9.0)
    parts = [
        write_part(tmp_path / "a", [("alpha", first)]),
        write_part(tmp_path / "b", [("alpha", begun(runs.green(), time))]),
    ]
    for order in (parts, parts[::-1]):
        found, merged, _ = merge(tmp_path / f"out{order[0].name}", order)
        assert found is code
        assert any(
            "as run a found it. Run b looked at the same time, and found it green." in one
            for one in merged["notices"]
        )


def test_a_merged_run_is_as_old_as_its_gates(tmp_path: Path) -> None:
    """That it was written after a repeated gate makes its results no later."""
    night = write_part(tmp_path / "night", [("alpha", begun(runs.red(), "02:00:00"))])
    merge(tmp_path / "merged", [night])
    mended = write_part(tmp_path / "mended", [("alpha", begun(runs.green(), "07:00:00"))])
    assert merge(tmp_path / "out", [tmp_path / "merged", mended])[0] is ExitCode.HELD


def test_a_lost_host_counts_by_when_its_run_began(tmp_path: Path) -> None:
    """It has no gate whose time could be known."""
    lost = write_part(tmp_path / "lost", [("alpha", None)], started_at="2025-11-24T03:00:00+00:00")
    green = write_part(tmp_path / "green", [("alpha", begun(runs.green(), "04:00:00"))])
    assert merge(tmp_path / "out", [lost, green])[0] is ExitCode.HELD
    again = write_part(
        tmp_path / "again", [("alpha", None)], started_at="2025-11-24T05:00:00+00:00"
    )
    assert merge(tmp_path / "out2", [green, again])[0] is ExitCode.UNKNOWN


@pytest.mark.parametrize("time", [7, "", "yesterday", "2025-11-24T08:00:00"])
def test_a_gate_without_a_time_counts_by_when_its_run_began(time: Any, tmp_path: Path) -> None:
    old = write_part(
        tmp_path / "old", [("alpha", runs.red())], started_at="2025-11-20T00:00:00+00:00"
    )
    summary = old / "alpha" / make_folder_name("app:1") / "summary.json"
    change_file(summary, lambda data: data.update(started_at=time))
    new = write_part(tmp_path / "new", [("alpha", begun(runs.green(), "08:00:00"))])
    assert merge(tmp_path / "out", [new, old])[0] is ExitCode.HELD


def test_what_no_run_has_is_unknown_where_an_inventory_asks_for_it(tmp_path: Path) -> None:
    part = write_part(tmp_path / "a", [("alpha", runs.green())])
    asked = fleets.image("app:1", hosts=["alpha", "beta"])
    code, merged, _ = merge(tmp_path / "out", [part], asked, complete=True)
    assert code is ExitCode.UNKNOWN
    assert states_of(merged) == {"alpha": "green", "beta": "unknown"}
    assert not any("With '-i'" in one for one in merged["notices"])


def test_what_nobody_asked_for_is_told_and_does_not_count(tmp_path: Path) -> None:
    part = write_part(tmp_path / "a", [("alpha", runs.green()), ("beta", runs.red())])
    code, merged, _ = merge(tmp_path / "out", [part], fleets.image("app:1", hosts=["alpha"]))
    assert code is ExitCode.HELD
    assert any("'app:1' on 'beta', which was not asked for" in one for one in merged["notices"])


def test_a_contract_that_demands_more_today_makes_an_older_run_unknown(tmp_path: Path) -> None:
    part = write_part(tmp_path / "a", [("alpha", runs.green())])
    other = fleets.image("app:1", replace(fleets.WANTED, sha256="7" * 64), hosts=["alpha"])
    code, merged, _ = merge(tmp_path / "out", [part], other)
    assert code is ExitCode.UNKNOWN
    assert "another contract" in merged["standings"][0]["error"]["problem"]


def test_a_run_that_was_broken_off_is_never_green(tmp_path: Path) -> None:
    parts = [
        write_part(tmp_path / "a", [("alpha", runs.green())]),
        write_part(tmp_path / "b", [("beta", runs.green())], problem=fleets.LOST),
    ]
    assert merge(tmp_path / "out", parts)[0] is ExitCode.UNKNOWN


def summary_of(part: Path) -> Path:
    """Find the summary of a run's one gate."""
    (found,) = part.glob("*/*/summary.json")
    return found


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: summary_of(part).unlink(),
        lambda part: summary_of(part).write_text("{"),
        lambda part: summary_of(part).write_text("[" * 100_000),
        lambda part: summary_of(part).write_bytes(b"\xff\xfe"),
        lambda part: change_file(summary_of(part), lambda one: one.update(id="another")),
        lambda part: change_file(summary_of(part), lambda one: one.update(exit_code=1)),
        lambda part: change_file(summary_of(part), lambda one: one["verdicts"].pop()),
        lambda part: change_file(
            summary_of(part), lambda one: one["verdicts"][0].update(outcome="fail")
        ),
        lambda part: change_file(
            summary_of(part), lambda one: one["contract"].update(sha256="0" * 64)
        ),
        lambda part: link_summary(summary_of(part)),
    ],
    ids=range(10),
)
def test_a_green_whose_summary_is_not_there_or_says_otherwise_is_unknown(
    spoil: Callable[[Path], Any], tmp_path: Path
) -> None:
    part = write_part(tmp_path / "a", [("alpha", runs.green())])
    spoil(part)
    code, merged, _ = merge(tmp_path / "out", [part])
    assert code is ExitCode.UNKNOWN
    assert states_of(merged) == {"alpha": "unknown"}


def link_summary(file: Path) -> None:
    """Put a link to the summary, somewhere else, where it was."""
    elsewhere = file.parents[3] / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def test_a_fleets_own_word_of_a_red_gate_is_not_believed(tmp_path: Path) -> None:
    part = write_part(tmp_path / "a", [("alpha", runs.red())])

    def claim_green(data: dict[str, Any]) -> None:
        data.update(exit_code=0, outcome="green")
        data["standings"][0].update(state="green", cells=[])
        data["standings"][0]["gate"].update(exit_code=0)

    change_file(part / "fleet.json", claim_green)
    assert merge(tmp_path / "out", [part])[0] is ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(schema_version=2), "schema version is 2, not 1"),
        (lambda one: one.update(schema_version=True), "schema version is True"),
        (lambda one: one["standings"].pop(), "it has 0 results of 'app:1' on 'beta'"),
        (lambda one: one["standings"].append(one["standings"][0]), "it has 2 results"),
        (lambda one: one["images"].append(one["images"][0]), "which it lists 2 times"),
        (lambda one: one["images"].clear(), "none of its images is for"),
        (lambda one: one["standings"][0].pop("gate"), "'gate' is None"),
        (lambda one: one["standings"][0]["gate"].update(exit_code=True), "'exit_code' is True"),
        (lambda one: one["standings"][0].update(host=7), "'host' is 7"),
        (lambda one: one.update(started_at="yesterday"), "not a time with a zone"),
        (lambda one: one.update(started_at="2025-11-24T09:04:00"), "not a time with a zone"),
        (lambda one: one.update(id="a/../b"), "'id' is"),
        (lambda one: one.update(error="x"), "'error' is"),
        (lambda one: one.pop("error"), "'error' is None"),
        (lambda one: one.update(hosts="alpha"), "'hosts' is"),
    ],
)
def test_a_file_that_does_not_agree_with_itself_is_refused(
    change: Callable[[dict[str, Any]], Any], words: str, tmp_path: Path
) -> None:
    part = write_part(tmp_path / "a", [("alpha", runs.green()), ("beta", runs.green())])
    change_file(part / "fleet.json", change)
    with pytest.raises(UsageError) as refused:
        read_fleet_part(part)
    assert words in refused.value.problem


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000])
def test_a_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(text)
    with pytest.raises(UsageError, match=r"fleet\.json"):
        read_fleet_part(tmp_path)


def test_a_folder_without_a_run_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_fleet_part(tmp_path)
    os.mkfifo(tmp_path / "fleet.json")
    with pytest.raises(UsageError, match="not a regular file"):
        read_fleet_part(tmp_path)


def test_a_run_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    part = read_fleet_part(write_part(tmp_path / "a", [("alpha", runs.green())]))
    with pytest.raises(UsageError, match="are one run, a"):
        require_distinct_parts([part, replace(part, folder=tmp_path / "copy")])


def test_runs_on_different_kinds_of_host_are_refused(tmp_path: Path) -> None:
    part: FleetPart = read_fleet_part(write_part(tmp_path / "a", [("alpha", runs.green())]))
    with pytest.raises(UsageError, match="direct, nested"):
        require_distinct_parts([part, replace(part, id="b", host_kind="direct")])


def test_an_image_that_no_run_has_is_refused_without_an_inventory() -> None:
    entries = tuple(
        ImageEntry(reference=name, contract=None, hosts=("group",), line=3)
        for name in ("app:1", "other:1")
    )
    listed = ImageList(origin="images.yaml", entries=entries)
    with pytest.raises(UsageError, match="other:1"):
        place_images(listed, {"app:1": ("alpha",)})
    placed = place_images(listed, {"app:1": ("alpha",), "other:1": ("beta",), "third": ()})
    assert [entry.hosts for entry in placed.entries] == [("alpha",), ("beta",)]


def test_merging_a_merged_run_with_a_further_one_works(tmp_path: Path) -> None:
    first = [write_part(tmp_path / name, [(name, runs.green())]) for name in ("alpha", "beta")]
    merge(tmp_path / "both", first)
    third = write_part(tmp_path / "gamma", [("gamma", runs.green())])
    code, merged, _ = merge(tmp_path / "all", [tmp_path / "both", third])
    assert code is ExitCode.HELD
    assert set(states_of(merged)) == {"alpha", "beta", "gamma"}
