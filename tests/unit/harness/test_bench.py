"""What `nox -s bench` prints, and what it rests on."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from hardgate.model.contract import load_contract
from tests.bench import gates, rivals
from tests.bench.__main__ import RELATIONS, ROWS, make_parser
from tests.bench.table import (
    EMPTY_PLAY,
    HEAD,
    Line,
    Relation,
    Unit,
    make_steps_table,
    make_table,
    tell_relations,
)

ROOT = Path(__file__).parents[3]
SAMPLES = {EMPTY_PLAY: [1.0, 2.0, 4.0], "slow": [9.0, 5.0, 6.0], "memory": [96.4], "a step": [1.0]}


def test_a_line_has_its_median_its_span_and_its_length_in_empty_plays() -> None:
    table = make_table([Line(title="slow", remark="the host")], SAMPLES)
    assert table == f"{HEAD}\n| slow | 6.00 s | 5.00, 9.00 | 3.00 | the host |"


def test_memory_is_no_multiple_of_an_empty_play() -> None:
    table = make_table([Line(title="memory", remark="x", unit=Unit.MEGABYTES)], SAMPLES)
    assert table.endswith("| memory | 96 MB | 96, 96 |  | x |")


def test_a_line_that_was_not_measured_is_left_out() -> None:
    assert make_table([Line(title="never", remark="")], SAMPLES) == HEAD


def test_steps_are_what_has_no_line_of_its_own() -> None:
    table = make_steps_table([EMPTY_PLAY, "slow", "memory"], SAMPLES)
    assert table.splitlines()[2:] == ["| a step | 1.00 s | 0.50 |"]
    assert make_steps_table(SAMPLES, SAMPLES) == ""


def test_a_relation_is_told_where_both_were_measured() -> None:
    told = tell_relations(
        [
            Relation(title="Slow, in plays", part="slow", whole=EMPTY_PLAY),
            Relation(title="Never", part="never", whole=EMPTY_PLAY),
        ],
        SAMPLES,
    )
    assert told == ["Slow, in plays: 3.00"]


def test_what_comes_after_the_host_is_up_is_added_without_the_boot() -> None:
    steps = {"Create": 9.0, gates.HOST_UP: 8.0, "Start": 0.5, gates.BOOT: 7.0, "Probe": 0.25}
    assert gates.sum_from_host_up(steps) == 0.75


@pytest.mark.parametrize("step", [gates.HOST_UP, gates.BOOT])
def test_the_steps_that_are_counted_from_are_tasks_of_the_roles(step: str) -> None:
    tasks = "".join(file.read_text() for file in (ROOT / "roles").glob("*/tasks/*.yml"))
    assert f"- name: {step}\n" in tasks


def test_each_row_is_chosen_by_its_name_and_no_line_stands_twice() -> None:
    words = [word for row in ROWS for word in ("--only", row)]
    assert make_parser().parse_args(words).only == list(ROWS)
    titles = [line.title for row in ROWS.values() for line in row.lines]
    assert len(set(titles)) == len(titles)
    assert {relation.part for relation in RELATIONS} <= set(titles)
    assert {relation.whole for relation in RELATIONS} <= set(titles)


def test_a_written_contract_can_be_read(tmp_path: Path) -> None:
    file = gates.write_contract(tmp_path / "many.yaml", [gates.TRIVIAL_PROBE] * 3)
    probes = [capability.probe for capability in load_contract(str(file)).capabilities]
    assert probes == [gates.TRIVIAL_PROBE] * 3


def test_the_driver_inside_names_each_probe_that_misses_and_goes_on() -> None:
    probes = {"held": "true", "missed_one": "echo 'it''s\n'; exit 7", "reads": "cat; false"}
    driver = "\n".join(map(rivals.make_driver_line, probes, probes.values()))
    ended = subprocess.run(
        ["sh", "-s"], input=driver, capture_output=True, text=True, timeout=10, check=True
    )
    assert ended.stdout == "missed missed_one\nmissed reads\n"


def test_the_loop_hands_each_probe_over_as_one_word() -> None:
    lines = rivals.make_exec_loop({"quoted": "printf '%s' \"$HOME\"; exit 1"})
    words = shlex.split(lines, comments=False)
    assert "printf '%s' \"$HOME\"; exit 1" in words


def test_a_rival_with_other_verdicts_is_not_timed() -> None:
    with pytest.raises(rivals.OtherResultError, match=re.escape("3 probes missed, and 1 do")):
        rivals.expect_misses(3, "")
