"""The picture in README is of the run that was recorded, as a terminal shows it today."""

import re
from pathlib import Path

from lxml import etree

from hardgate.model.verdict import Outcome
from tests.picture import PICTURE, draw_run, make_run

SVG = "{http://www.w3.org/2000/svg}"
README = Path(__file__).parents[3] / "README.md"


def read_rows(svg: str) -> list[str]:
    """Read the rows that a picture shows, each text with its colour."""
    root = etree.fromstring(svg.encode())
    colours = dict(re.findall(r"\.(hardgate-r\d+) \{\s*fill: (#\w+)", svg))
    rows: dict[float, list[tuple[float, str]]] = {}
    for text in root.iter(f"{SVG}text"):
        label = colours.get(text.get("class", ""), "")
        row = rows.setdefault(float(text.get("y", "0")), [])
        row.append((float(text.get("x", "0")), f"{label} {''.join(map(str, text.itertext()))}"))
    return ["".join(text for _, text in sorted(rows[y])) for y in sorted(rows)]


def test_the_picture_is_current() -> None:
    drawn = read_rows(draw_run(make_run()))
    assert read_rows(PICTURE.read_text(encoding="utf-8")) == drawn, "Run 'python -m tests.picture'."


def test_the_picture_names_the_true_cause_of_each_silent_failure() -> None:
    verdicts = make_run().verdicts
    causes = {
        verdict.name: verdict.diagnosis.reason.cause
        for verdict in verdicts
        if verdict.diagnosis and verdict.diagnosis.reason
    }
    assert causes == {
        "docker_socket_reachable": "docker_command_missing",
        "agent_home_present": "path_not_in_image",
        "pid_host_visible": "pid_1_closed",
    }
    for verdict in (one for one in verdicts if one.name in causes):
        execution = verdict.observation.execution
        assert verdict.outcome is Outcome.FAIL
        assert execution is not None
        assert execution.stdout == execution.stderr == ""


def test_the_picture_shows_cause_remedy_and_verdict() -> None:
    shown = " ".join(" ".join(read_rows(PICTURE.read_text(encoding="utf-8"))).split())
    assert shown.count("why:") == shown.count("to do:") == shown.count("seen:") == 3
    assert "HARDGATE RED: 3 of 3 capabilities did not hold" in shown


def test_the_picture_loads_nothing_and_readme_shows_it_with_words() -> None:
    svg = PICTURE.read_text(encoding="utf-8")
    assert set(re.findall(r"\w+://[^\s\"')]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in svg
    assert re.search(r"!\[[^\]]{60,}\]\(docs/red-run\.svg\)", README.read_text(encoding="utf-8"))
