"""Tiers: the file as it is, what an engine is asked for, and what it says that it started."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import jsonschema
import pytest
import yaml

from hardgate.errors import ContractError
from hardgate.model.tier import Tier, load_tiers
from hardgate.model.tier_schema import format_tiers_schema, make_tiers_schema
from hardgate.resources import CONTRACTS

TIERS = load_tiers(CONTRACTS / "tiers.yaml")
RECORDED = Path(__file__).parents[1] / "recorded"
CPUS = 2
"""What the engines had that the recorded answers are from."""

TMPFS = (("/tmp", "rw,noexec,nosuid,size=64m"),)
BINDS = (("/", "/host"), ("/var/run/docker.sock", "/var/run/docker.sock"))


def recorded(name: str) -> dict[str, Any]:
    """What a real engine said of a running container, as far as tiers are concerned."""
    data: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return data


def test_the_tiers_are_the_platforms() -> None:
    assert dict(TIERS) == {
        1: Tier(
            number=1,
            name="sandboxed",
            network="bridge",
            read_only=True,
            tmpfs=TMPFS,
            volumes=("/configs",),
        ),
        2: Tier(
            number=2,
            name="standard",
            memory_mib=512,
            cpus=1,
            network="bridge",
            volumes=("/configs", "/workspace"),
        ),
        3: Tier(
            number=3,
            name="privileged",
            memory_mib=2048,
            cpus=2,
            network="bridge",
            privileged=True,
            pid_host=True,
            volumes=("/configs", "/workspace"),
        ),
        4: Tier(
            number=4,
            name="full machine",
            memory_mib=4096,
            cpus=4,
            network="host",
            privileged=True,
            pid_host=True,
            volumes=("/configs", "/workspace"),
            binds=BINDS,
        ),
    }


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (
            1,
            {
                "NetworkMode": "bridge",
                "ReadonlyRootfs": True,
                "Tmpfs": {"/tmp": "rw,noexec,nosuid,size=64m"},
            },
        ),
        (2, {"NetworkMode": "bridge", "Memory": 536870912, "NanoCpus": 1000000000}),
        (
            3,
            {
                "NetworkMode": "bridge",
                "Memory": 2147483648,
                "NanoCpus": 2000000000,
                "Privileged": True,
                "PidMode": "host",
            },
        ),
        (
            4,
            {
                "NetworkMode": "host",
                "Memory": 4294967296,
                "NanoCpus": 2000000000,
                "Privileged": True,
                "PidMode": "host",
                "Binds": ["/:/host", "/var/run/docker.sock:/var/run/docker.sock"],
            },
        ),
    ],
)
def test_the_sdk_makes_of_the_settings_what_the_tier_says(
    number: int, expected: dict[str, Any]
) -> None:
    client = docker.APIClient(base_url="http://127.0.0.1:1", version="1.41")
    config = client.create_host_config(**TIERS[number].container_settings(CPUS))
    client.close()
    assert {key: value for key, value in config.items() if value} == expected


@pytest.mark.parametrize(
    ("number", "cpus", "told", "asked"),
    [
        (1, 2, "", None),
        (2, 2, "", 1),
        (3, 2, "", 2),
        (4, 2, "2 of 4 CPUs", 2),
        (4, 1, "1 of 4 CPUs", 1),
        (4, 4, "", 4),
        (4, 64, "", 4),
    ],
)
def test_an_engine_is_asked_for_no_more_cpus_than_it_has_and_it_is_told(
    number: int, cpus: int, told: str, asked: int | None
) -> None:
    tier = TIERS[number]
    assert tier.describe_adaptation(cpus) == told
    assert tier.container_settings(cpus)["nano_cpus"] == (asked and asked * 10**9)


RECORDINGS = (
    ("engine_26_tier_1", 1),
    ("engine_26_tier_2", 2),
    ("engine_26_tier_3", 3),
    ("engine_26_tier_4", 4),
    ("engine_20_tier_2", 2),
    ("engine_20_tier_4", 4),
)


@pytest.mark.parametrize(("name", "number"), RECORDINGS)
def test_what_an_engine_started_under_a_tier_differs_in_nothing(name: str, number: int) -> None:
    assert TIERS[number].list_differences(recorded(name), cpus=CPUS) == ()


@pytest.mark.parametrize(("name", "number"), RECORDINGS)
def test_what_an_engine_started_under_a_tier_differs_from_every_other(
    name: str, number: int
) -> None:
    for other in TIERS.values():
        if other.number != number:
            assert other.list_differences(recorded(name), cpus=CPUS)


Change = Callable[[dict[str, Any]], None]


def setting(key: str, value: Any) -> Change:
    def change(inspect: dict[str, Any]) -> None:
        inspect["HostConfig"][key] = value

    return change


def mount(destination: str, **changes: Any) -> Change:
    """Change the mount at a destination, or add one there, or, without changes, take it away."""

    def change(inspect: dict[str, Any]) -> None:
        mounts = {item["Destination"]: item for item in inspect["Mounts"]}
        found = mounts.pop(destination, {"Destination": destination, "RW": True, "Type": "bind"})
        rest = list(mounts.values())
        inspect["Mounts"] = [*rest, found | changes] if changes else rest

    return change


def network(name: str) -> Change:
    def change(inspect: dict[str, Any]) -> None:
        inspect["NetworkSettings"]["Networks"][name] = {}

    return change


@pytest.mark.parametrize(
    ("number", "change", "sentence"),
    [
        (4, setting("Privileged", False), "Privileged is False; tier 4 says True."),
        (4, setting("PidMode", ""), "PidMode is ''; tier 4 says 'host'."),
        (4, setting("NetworkMode", "bridge"), "NetworkMode is 'bridge'; tier 4 says 'host'."),
        (4, setting("Memory", 0), "Memory (bytes) is unlimited; tier 4 says 4294967296."),
        (4, setting("NanoCpus", 10**9), "NanoCpus is 1000000000; tier 4 says 2000000000."),
        (4, setting("ReadonlyRootfs", True), "ReadonlyRootfs is True; tier 4 says False."),
        (4, mount("/host"), "It lacks the bind '/:/host'."),
        (4, mount("/host", Source="/srv"), "At '/host' it has a bind from '/srv', not the bind"),
        (4, mount("/host", Type="volume"), "At '/host' it has a volume from '/', not the bind"),
        (4, mount("/host", RW=False), "It cannot write to the bind '/:/host'."),
        (4, mount("/host", Propagation="rshared"), "comes up on the host."),
        (4, mount("/var/run/docker.sock"), "It lacks the bind '/var/run/docker.sock:"),
        (4, mount("/configs"), "It lacks the volume at '/configs'."),
        (4, mount("/configs", Type="bind"), "At '/configs' it has a bind, not a volume."),
        (4, mount("/workspace", RW=False), "It cannot write to the volume at '/workspace'."),
        (4, mount("/etc", Source="/etc"), "It has a bind at '/etc'; tier 4 has none."),
        (4, mount("/more", Type="volume"), "It has a volume at '/more'; tier 4 has none."),
        (4, mount("/data", Type="bind"), "It has a bind at '/data'; tier 4 has none."),
        (2, setting("Privileged", True), "Privileged is True; tier 2 says False."),
        (2, setting("PidMode", "host"), "PidMode is 'host'; tier 2 says ''."),
        (2, setting("PidMode", "container:abc"), "PidMode is 'container:abc'; tier 2 says ''."),
        (2, setting("NetworkMode", "host"), "NetworkMode is 'host'; tier 2 says 'bridge'."),
        (2, setting("NetworkMode", "none"), "NetworkMode is 'none'; tier 2 says 'bridge'."),
        (2, setting("Memory", 2**40), "Memory (bytes) is 1099511627776; tier 2 says 536870912."),
        (2, setting("Tmpfs", {"/tmp": ""}), "Tmpfs is {'/tmp': ''}; tier 2 says {}."),
        (2, setting("PidsLimit", 10), "PidsLimit is 10; tier 2 says unlimited."),
        (2, setting("CapAdd", ["SYS_ADMIN"]), "CapAdd is ['SYS_ADMIN']; tier 2 says []."),
        (2, setting("CapDrop", ["ALL"]), "CapDrop is ['ALL']; tier 2 says []."),
        (2, setting("Devices", [{"PathOnHost": "/dev/kvm"}]), "/dev/kvm"),
        (2, setting("DeviceRequests", [{"Driver": "x"}]), "no tier sets it."),
        (2, setting("GroupAdd", ["999"]), "GroupAdd is ['999']; no tier sets it."),
        (2, setting("UsernsMode", "host"), "UsernsMode is 'host'; no tier sets it."),
        (2, setting("UTSMode", "host"), "UTSMode is 'host'; no tier sets it."),
        (2, setting("IpcMode", "host"), "IpcMode is 'host'; no tier shares it."),
        (2, setting("IpcMode", "container:abc"), "no tier shares it."),
        (2, setting("SecurityOpt", ["label=disable"]), "SecurityOpt has 'label=disable'"),
        (2, setting("SecurityOpt", ["seccomp=unconfined"]), "SecurityOpt has 'seccomp=unc"),
        (4, setting("SecurityOpt", ["no-new-privileges"]), "SecurityOpt has 'no-new-priv"),
        (2, setting("MaskedPaths", []), "MaskedPaths is empty"),
        (2, setting("ReadonlyPaths", []), "ReadonlyPaths is empty"),
        (2, setting("RestartPolicy", {"Name": "always"}), "RestartPolicy is 'always'"),
        (2, setting("PortBindings", {"80/tcp": [{}]}), "no tier sets it."),
        (2, setting("CpusetCpus", "0"), "CpusetCpus is '0'; no tier sets it."),
        (2, setting("Init", True), "Init is True; no tier sets it."),
        (2, network("backend"), "It is in the network 'backend' too; tier 2 is not."),
        (1, setting("ReadonlyRootfs", False), "ReadonlyRootfs is False; tier 1 says True."),
        (1, setting("Tmpfs", {"/tmp": "rw,exec"}), "Tmpfs is {'/tmp': 'rw,exec'}; tier 1"),
        (1, setting("Tmpfs", None), "Tmpfs is {}; tier 1 says {'/tmp':"),
        (1, mount("/workspace", Type="volume"), "It has a volume at '/workspace'; tier 1"),
    ],
)
def test_every_difference_is_told_in_a_sentence(number: int, change: Change, sentence: str) -> None:
    inspect = recorded(f"engine_26_tier_{number}")
    change(inspect)
    differences = TIERS[number].list_differences(inspect, cpus=CPUS)
    assert len(differences) == 1
    assert sentence in differences[0]
    assert differences[0].endswith(".")


@pytest.mark.parametrize(
    "change",
    [
        setting("NetworkMode", "default"),
        setting("MemorySwap", -1),
        setting("MemorySwappiness", 60),
        setting("OomScoreAdj", 100),
        setting("ShmSize", 2**30),
        setting("IpcMode", "shareable"),
        setting("CgroupnsMode", "private"),
        setting("Runtime", "crun"),
        setting("Ulimits", [{"Name": "nofile", "Hard": 1024, "Soft": 1024}]),
        setting("LogConfig", {"Type": "journald"}),
        setting("PidsLimit", 0),
        setting("PidsLimit", -1),
        setting("RestartPolicy", None),
        mount("/data"),
    ],
)
def test_what_an_engine_fills_in_by_itself_is_no_difference(change: Change) -> None:
    inspect = recorded("engine_26_tier_2")
    change(inspect)
    assert TIERS[2].list_differences(inspect, cpus=CPUS) == ()


def test_a_container_with_more_than_its_tier_differs_in_all_of_it() -> None:
    told = " ".join(TIERS[2].list_differences(recorded("engine_26_beyond"), cpus=CPUS))
    for word in ("CapAdd", "Devices", "Init", "IpcMode", "PortBindings", "SecurityOpt", "'/t'"):
        assert word in told
    assert "MaskedPaths" in told


def test_volumes_that_the_caller_asked_for_must_be_there_and_are_no_difference() -> None:
    inspect = recorded("engine_26_tier_4")
    assert TIERS[4].list_differences(inspect, cpus=CPUS, extra_volumes=["/agent-home"]) == (
        "It lacks the volume at '/agent-home'.",
    )
    mount("/agent-home", Type="volume")(inspect)
    asked = ["/configs", "/workspace", "/agent-home"]
    assert TIERS[4].list_differences(inspect, cpus=CPUS, extra_volumes=asked) == ()


@pytest.mark.parametrize("inspect", [{}, {"HostConfig": None, "Mounts": None, "Config": None}])
def test_an_empty_answer_differs_in_everything(inspect: dict[str, Any]) -> None:
    before = copy.deepcopy(inspect)
    assert len(TIERS[4].list_differences(inspect, cpus=CPUS)) == 9
    assert inspect == before


def test_limits_are_compared_apart_from_the_rest() -> None:
    inspect = recorded("engine_26_tier_4")
    setting("Memory", 0)(inspect)
    setting("PidMode", "")(inspect)
    tier = TIERS[4]
    limits = tier.limit_differences(inspect, cpus=CPUS)
    assert limits == ("Memory (bytes) is unlimited; tier 4 says 4294967296.",)
    assert len(tier.list_differences(inspect, cpus=CPUS)) == 2


GOOD = """\
version: 1
tiers:
  - number: 7
    name: odd
    network: bridge
    volumes: [/configs]
"""


def load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tiers.yaml"
    path.write_text(text, encoding="utf-8")
    load_tiers(path)


def test_a_tier_needs_no_more_than_its_name_network_and_volumes(tmp_path: Path) -> None:
    load(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version: 1", "version: 2", "line 1: 'version' of the file is 2"),
        ("network: bridge", "network: bridged", "line 5: 'network' of a tier is 'bridged'"),
        ("network: bridge", "net: bridge", "line 3: a tier has no 'network'"),
        (
            "[/configs]",
            "[configs]",
            "line 6: 'volumes' of a tier holds 'configs', which is not an abs",
        ),
        ("[/configs]", "/configs", "line 6: 'volumes' of a tier is a single value"),
        ("[/configs]", "[]\n    binds: ['/']", "line 7: 'binds' of a tier holds no pair"),
        ("[/configs]", "[]\n    binds: ['/:/a:ro']", "line 7: 'binds' of a tier holds no pair"),
        ("[/configs]", "[]\n    tmpfs: ['tmp:rw']", "line 7: 'tmpfs' of a tier holds 'tmp'"),
        ("[/configs]", "[]\n    cpus: 1.5", "line 7: 'cpus' of a tier is '1.5'"),
        ("[/configs]", "[]\n    memory_mib: 4g", "line 7: 'memory_mib' of a tier is a text"),
        ("[/configs]", "[]\n    privileged: maybe", "neither true nor false"),
        ("[/configs]", "[]\n    pid: host", "line 7: a tier has a field 'pid', which is not"),
        ("number: 7", "number: 0", "line 3: 'number' of a tier is 0"),
        ("number: 7", "number: T7", "line 3: 'number' of a tier is a text"),
    ],
)
def test_a_wrong_tier_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    with pytest.raises(ContractError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert problem in caught.value.problem
    assert caught.value.problem.startswith(f"Tiers '{tmp_path}/tiers.yaml' line ")
    assert caught.value.remedy


def test_a_tier_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="line 7: tier 7 stands here again"):
        load(tmp_path, GOOD + GOOD.partition("tiers:\n")[2])


OWN = """
version: 1
tiers:
  - number: 7
    name: capable
    network: bridge
    volumes: [/configs]
    pids_limit: 256
    cap_add: [NET_ADMIN, SYS_PTRACE]
    cap_drop: [NET_RAW]
    user: "1000:1000"
    no_new_privileges: true
    seccomp: profile.json
    apparmor: unconfined
    ulimits: ["nofile=1024:4096", "core=0"]
    devices: ["/dev/fuse:/dev/fuse:rwm"]
    extra_hosts: ["platform:10.0.0.1"]
"""


SECCOMP = 'seccomp={"defaultAction":"X"}'
OPTIONS = ["no-new-privileges", "apparmor=unconfined", SECCOMP]


def write_own(folder: Path, text: str = OWN, profile: str = '{"defaultAction": "X"}') -> Path:
    (folder / "profile.json").write_text(profile)
    file = folder / "tiers.yaml"
    file.write_text(text)
    return file


def started(settings: dict[str, Any]) -> dict[str, Any]:
    """What an engine of today says that it started of these settings."""
    client = docker.APIClient(base_url="http://127.0.0.1:1", version="1.41")
    user = settings.pop("user", "")
    config = client.create_host_config(**settings)
    client.close()
    config["CapAdd"] = [f"CAP_{name}" for name in config.get("CapAdd") or ()]
    config["CapDrop"] = [f"CAP_{name}" for name in config.get("CapDrop") or ()]
    mounts = [{"Type": "volume", "Destination": "/configs", "RW": True}]
    return {"HostConfig": config, "Config": {"User": user}, "Mounts": mounts}


def test_a_platforms_own_tier_is_asked_for_and_differs_in_nothing(tmp_path: Path) -> None:
    tier = load_tiers(write_own(tmp_path))[7]
    settings = tier.container_settings(CPUS)
    assert json.loads(json.dumps(settings)) == settings
    assert settings["user"] == "1000:1000"
    inspect = started(settings)
    assert tier.list_differences(inspect, cpus=CPUS) == ()
    assert tier.limit_differences(inspect, cpus=CPUS) == ()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("CapAdd", ["CAP_NET_ADMIN"], "CapAdd is ['NET_ADMIN']"),
        ("CapAdd", ["CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"], "'SYS_ADMIN'"),
        ("CapDrop", None, "CapDrop is []"),
        ("SecurityOpt", ["no-new-privileges", SECCOMP], "lacks 'apparmor=unconfined'"),
        ("SecurityOpt", ["apparmor=unconfined", SECCOMP], "lacks 'no-new-privileges:true'"),
        ("SecurityOpt", [*OPTIONS, "label=disable"], "has 'label=disable'"),
        ("Ulimits", None, "Ulimits lack 'nofile=1024:4096'"),
        ("Devices", [], "Devices is []"),
        ("ExtraHosts", ["platform:10.0.0.2"], "ExtraHosts is ['platform:10.0.0.2']"),
        ("PidsLimit", 0, "PidsLimit is unlimited"),
    ],
)
def test_a_platforms_own_tier_is_compared_in_each_setting(
    tmp_path: Path, key: str, value: Any, told: str
) -> None:
    tier = load_tiers(write_own(tmp_path))[7]
    inspect = started(tier.container_settings(CPUS))
    inspect["HostConfig"][key] = value
    differences = tier.list_differences(inspect, cpus=CPUS)
    assert len([line for line in differences if told in line]) == 1
    assert all(key in line for line in differences)


def test_another_user_than_the_tiers_is_a_difference(tmp_path: Path) -> None:
    tier = load_tiers(write_own(tmp_path))[7]
    inspect = started(tier.container_settings(CPUS))
    inspect["Config"]["User"] = "root"
    assert tier.list_differences(inspect, cpus=CPUS) == (
        "User is 'root'; tier 7 says '1000:1000'.",
    )


@pytest.mark.parametrize("key", ["CapAdd", "CapDrop", "SecurityOpt", "Devices", "ExtraHosts"])
def test_the_platforms_tiers_have_none_of_these(key: str) -> None:
    inspect = recorded("engine_26_tier_2")
    value = [{"PathOnHost": "/dev/x", "PathInContainer": "/dev/x"}] if key == "Devices" else ["X"]
    inspect["HostConfig"][key] = value
    assert [line for line in TIERS[2].list_differences(inspect, cpus=CPUS) if key in line]


def test_a_files_hash_covers_the_profiles_that_it_names(tmp_path: Path) -> None:
    first = load_tiers(write_own(tmp_path))[7]
    second = load_tiers(write_own(tmp_path, profile='{"defaultAction": "Y"}'))[7]
    third = load_tiers(write_own(tmp_path, OWN + "# more\n"))[7]
    assert len({first.sha256, second.sha256, third.sha256}) == 3
    assert first.origin == str(tmp_path / "tiers.yaml")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("[NET_ADMIN, SYS_PTRACE]", "[net_admin]"), "none of the capabilities"),
        (("[NET_RAW]", "[NET_RAW, NET_RAW]"), "twice"),
        (("core=0", "core"), "none of the limits"),
        (("/dev/fuse:rwm", "/dev/fuse"), "none of the devices"),
        (("platform:10.0.0.1", "platform"), "none of the host entries"),
        (("profile.json", "none.json"), "which cannot be read"),
        (("network: bridge", "network: bridge\n    privileged: true"), "chooses capabilities"),
        (("pids_limit: 256", "pids_limit: 0"), "pids_limit"),
        (("apparmor:", "aparmor:"), "aparmor"),
    ],
)
def test_a_wrong_tier_of_a_platforms_own_is_refused_with_its_line(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(ContractError, match=r"line \d+") as refused:
        load_tiers(write_own(tmp_path, OWN.replace(*change)))
    assert problem in f"{refused.value.problem} {refused.value.remedy}"


def test_the_schema_in_contracts_is_the_loaders() -> None:
    file = CONTRACTS / "tiers.schema.json"
    assert file.read_text() == format_tiers_schema(), "Write it anew by hardgate.model.tier_schema."


@pytest.mark.parametrize("text", [OWN, (CONTRACTS / "tiers.yaml").read_text()])
def test_the_schema_takes_what_the_loader_takes(text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), make_tiers_schema())
