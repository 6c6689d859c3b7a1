"""What is asked of the host's side about a miss, and what is kept of the engine's answers."""

from typing import Any

from hardgate.diagnosis.evidence.context import (
    MAX_LOG_CHARS,
    cut_log_tail,
    engine_versions,
    exec_search_path,
    failed_paths,
    image_root,
    workspace_settings,
)
from hardgate.model.observation import FailedCall, Observation

INSPECT: dict[str, Any] = {
    "Config": {"Env": ["A=b", "PATH=/opt/bin:/bin"], "User": "dev"},
    "HostConfig": {"Privileged": True, "PidMode": "host", "NetworkMode": "bridge"},
    "GraphDriver": {"Data": {"MergedDir": "/var/lib/docker/overlay2/x/merged"}},
    "Mounts": [
        {
            "Type": "volume",
            "Name": "n",
            "Source": "/v",
            "Destination": "/configs",
            "RW": True,
            "Mode": "z",
        }
    ],
}


def test_the_settings_are_what_the_engine_says_it_started() -> None:
    seen = workspace_settings(INSPECT)
    assert (seen["privileged"], seen["pid_mode"], seen["user"]) == (True, "host", "dev")
    assert seen["binds"] == []
    assert seen["mounts"] == [
        {"type": "volume", "source": "/v", "destination": "/configs", "rw": True}
    ]


def test_the_path_is_the_images_own_else_the_engines() -> None:
    assert exec_search_path(INSPECT) == ["/opt/bin", "/bin"]
    assert exec_search_path({"Config": {"Env": None}})[0] == "/usr/local/sbin"


def test_the_images_root_is_found_on_either_host_and_unknown_elsewhere() -> None:
    assert image_root(INSPECT, nested=True) == "/var/lib/docker/overlay2/x/merged"
    assert image_root(INSPECT, nested=False).startswith("/proc/1/root/var/lib/docker")
    assert image_root({"GraphDriver": None}, nested=True) == ""


def test_paths_that_failed_behind_nsenter_are_the_hosts_only_where_it_gets_there() -> None:
    observation = Observation(
        name="x",
        failures=(
            FailedCall(program="cat", call="openat", target="/a", errno="ENOENT", elsewhere=True),
            FailedCall(program="cat", call="openat", target="/b", errno="ENOENT"),
        ),
    )
    assert failed_paths(observation, INSPECT) == (frozenset({"/a"}), frozenset({"/b"}))
    alone = INSPECT | {"HostConfig": {"PidMode": ""}}
    assert failed_paths(observation, alone) == (frozenset(), frozenset({"/a", "/b"}))


def test_the_end_of_a_log_is_kept_by_whole_lines() -> None:
    assert cut_log_tail("short\n") == "short\n"
    kept = cut_log_tail("".join(f"line {number}\n" for number in range(2000)))
    assert len(kept) <= MAX_LOG_CHARS
    assert kept.startswith("line ")
    assert kept.endswith("line 1999\n")


def test_of_the_engines_version_the_range_of_its_api_is_kept() -> None:
    answer = {"Version": "26.1", "ApiVersion": "1.45", "MinAPIVersion": "1.24", "Os": "linux"}
    assert engine_versions(answer) == {"version": "26.1", "api": "1.45", "min_api": "1.24"}
