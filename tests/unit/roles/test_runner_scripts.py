"""The role runner's scripts that a host without hardgate runs: the same rules as hardgate's own."""

import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from hardgate.resources import ROLES
from hardgate.system.ownership import Owner, ProcessIdentity

ME = ProcessIdentity.of_current_process()
GONE = ProcessIdentity(boot=ME.boot, namespace=ME.namespace, pid=4194000, started=1)
ELSEWHERE = ProcessIdentity(boot="another", namespace=ME.namespace, pid=4194000, started=1)
INSIDE = ProcessIdentity(boot=ME.boot, namespace="1", pid=4194000, started=1)


def load(path: Path) -> ModuleType:
    loader = SourceFileLoader(path.name.partition(".")[0], str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def leave_no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)


@pytest.mark.parametrize("process", [ME, GONE, ELSEWHERE, INSIDE])
@pytest.mark.parametrize("seconds_left", [-60, 600], ids=["over", "ahead"])
@pytest.mark.parametrize("keep", [True, False])
def test_the_hosts_reaper_condemns_what_hardgates_own_does(
    process: ProcessIdentity, seconds_left: int, keep: bool
) -> None:
    deadline = int(time.time()) + seconds_left
    owner = Owner(run="x", process=process, deadline=deadline, keep=keep)
    reap = load(ROLES / "runner" / "files" / "reap")
    assert reap.is_debris(owner.labels) == owner.is_dead()


@pytest.mark.parametrize("missing", ["hardgate.run", "hardgate.owner", "hardgate.deadline"])
def test_what_is_labelled_by_half_is_somebody_elses(missing: str) -> None:
    labels = Owner(run="x", process=GONE, deadline=int(time.time()) - 60).labels
    del labels[missing]
    assert not load(ROLES / "runner" / "files" / "reap").is_debris(labels)
    assert Owner.from_labels(labels) is None


@pytest.mark.parametrize(
    ("theirs", "ours", "both"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 2}, {"a": 1}, {"a": 2}),
        ({"a": {"b": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"b": 2, "c": 3}}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": "text"}),
        ({"other": [1]}, {"a": {"b": 1}}, {"other": [1], "a": {"b": 1}}),
    ],
)
def test_the_engines_settings_are_merged_and_what_was_added_is_taken_back(
    theirs: dict[str, object], ours: dict[str, object], both: dict[str, object]
) -> None:
    settings = load(ROLES / "engine" / "files" / "merge_settings.py")
    added = settings.find_missing_settings(theirs, ours)
    assert settings.join_settings(theirs, added) == both
    assert settings.subtract_settings(both, added) == theirs


def test_a_setting_that_was_changed_since_stays() -> None:
    settings = load(ROLES / "engine" / "files" / "merge_settings.py")
    assert settings.subtract_settings({"a": {"b": 9}, "c": 3}, {"a": {"b": 1}, "c": 3}) == {
        "a": {"b": 9}
    }


def test_another_log_driver_gets_no_options_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(ROLES / "engine" / "files" / "merge_settings.py")
    file = tmp_path / "daemon.json"
    file.write_text('{"log-driver": "journald"}')
    monkeypatch.setattr(settings, "SETTINGS_FILE", file)
    settings.merge_settings(
        tmp_path / "record" / "settings", {"log-driver": "json-file", "log-opts": {}}
    )
    assert file.read_text() == '{"log-driver": "journald"}'
    assert not (tmp_path / "record").exists()
