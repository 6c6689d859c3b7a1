"""A fleet's image list is read strictly: a mistake has a line and a remedy."""

from pathlib import Path

import pytest

from hardgate.cli.main import main
from hardgate.errors import ContractError, UsageError
from hardgate.model.tier import load_tiers
from hardgate.remote.fleet.image_list import ImageList, load_image_list, parse_image_list
from hardgate.remote.fleet.request import FleetImage, resolve_images
from hardgate.resources import CONTRACTS
from tests.unit import fleets

PATH = Path("/etc/fleet/images.yaml")
TIER = load_tiers(CONTRACTS / "tiers.yaml")[4]
HOST = CONTRACTS / "runner-host.yaml"
HOSTS = ("alpha", "beta", "gamma")
GROUPS = {"all": HOSTS, "web": ("beta", "gamma"), "empty": ()}


def parse(text: str) -> ImageList:
    return parse_image_list(text.encode(), PATH)


def images(*lines: str) -> str:
    return "\n".join(["version: 1", "images:", *lines])


def test_an_image_needs_no_more_than_its_reference() -> None:
    (entry,) = parse(images("  - reference: team/app:1")).entries
    assert (entry.reference, entry.contract, entry.hosts) == ("team/app:1", None, ())
    assert entry.line == 3


def test_a_contract_is_looked_for_beside_the_list_and_hosts_are_kept_in_order() -> None:
    listed = parse(
        images("  - reference: a", "    contract: own.yaml", "    hosts: [web, alpha]")
        + "\n  - reference: b\n    contract: /abs.yaml\n"
    )
    first, second = listed.entries
    assert first.contract == Path("/etc/fleet/own.yaml")
    assert second.contract == Path("/abs.yaml")
    assert first.hosts == ("web", "alpha")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "line 1: it holds nothing"),
        ("images: [", "line 1: this is not YAML"),
        ("- a", "line 1: the list is not a mapping"),
        (images("  - reference: a").replace("version: 1", ""), "the list has no 'version'"),
        (images("  - reference: a").replace("1", "2", 1), "'version' of the list is 2"),
        ("version: 1", "the list has no 'images'"),
        ("version: 1\nimages: []", "line 2: 'images' of the list is empty"),
        ("version: 1\nimages: a", "line 2: 'images' of the list is a single value"),
        (images("  - app:1"), "line 3: image 1 is not a mapping"),
        (images("  - image: app:1"), "image 1 has no 'reference'"),
        (images("  - reference: "), "line 3: 'reference' of image 1 is empty"),
        (images("  - reference: 1.5"), "'reference' of image 1 is 1.5, which YAML takes for"),
        (images("  - reference: --privileged"), "is '--privileged', which is not a reference"),
        (images("  - reference: a b"), "is 'a b', which is not a reference"),
        (images('  - reference: "a\\e[1m"'), "cannot be printed"),
        (images("  - reference: a", "    host: alpha"), "line 4: image 1 has a field 'host'"),
        (images("  - reference: a", "    hosts: alpha"), "line 4: 'hosts' of image 1 is a single"),
        (images("  - reference: a", "    hosts: []"), "line 4: 'hosts' of image 1 is empty"),
        (images("  - reference: a", "    hosts: [b, b]"), "'hosts' of image 1 holds 'b' twice"),
        (images("  - reference: a", "    hosts: [yes]"), "which YAML takes for a boolean"),
        (images("  - reference: a", "    contract: [x]"), "line 4: 'contract' of image 1 is a"),
        (images("  - reference: a", "  - reference: a"), "line 4: image 'a' stands here again"),
        (images("  - reference: a", "    reference: b"), "the key 'reference' stands here again"),
        (images("  - &x", "    reference: a"), "the anchor or alias 'x'"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, wanted: str) -> None:
    with pytest.raises(ContractError) as raised:
        parse(text)
    assert str(PATH) in raised.value.problem
    assert wanted in raised.value.problem
    assert raised.value.remedy


def test_a_typo_is_guessed() -> None:
    with pytest.raises(ContractError) as raised:
        parse(images("  - reference: a", "    contrakt: x"))
    assert "Did you mean 'contract'?" in raised.value.remedy


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "images.yaml").write_text("version: 1\n")
    with pytest.raises(ContractError, match=r"Did you mean 'images\.yaml'"):
        load_image_list(tmp_path / "image.yaml")


def read(listed: ImageList) -> tuple[FleetImage, ...]:
    return resolve_images(
        listed,
        fleet_contract=fleets.WANTED,
        fleet_contract_file=Path("wanted.yaml"),
        tier=TIER,
        hosts=HOSTS,
        groups=GROUPS,
    )


def test_an_image_without_hosts_is_for_all_and_by_the_fleets_contract() -> None:
    (image,) = read(parse(images("  - reference: a")))
    assert image.hosts == HOSTS
    assert image.plan.contract is fleets.WANTED
    assert image.contract_file == Path("wanted.yaml")
    assert image.stale_reasons == ()


@pytest.mark.parametrize(
    ("named", "hosts"),
    [
        ("[alpha]", ("alpha",)),
        ("[web]", ("beta", "gamma")),
        ("[gamma, web, alpha]", ("alpha", "beta", "gamma")),
        ("[all]", HOSTS),
    ],
)
def test_hosts_and_groups_are_found_in_the_inventory(named: str, hosts: tuple[str, ...]) -> None:
    (image,) = read(parse(images("  - reference: a", f"    hosts: {named}")))
    assert image.hosts == hosts


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("alhpa", "Did you mean 'alpha'?"), ("x", "It has alpha, beta"), ("empty", "It has alpha")],
)
def test_a_host_that_nobody_knows_is_refused(name: str, remedy: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(parse(images("  - reference: a", f"    hosts: [{name}]")))
    assert f"line 3: image 'a' is for '{name}'" in raised.value.problem
    assert remedy in raised.value.remedy


def test_an_image_by_a_contract_of_its_own_knows_what_it_lacks(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes((CONTRACTS / "runtime.yaml").read_bytes())
    text = images("  - reference: a", "    contract: own.yaml").encode()
    (image,) = read(parse_image_list(text, tmp_path / "images.yaml"))
    assert image.contract_file == own
    assert len(image.stale_reasons) == len(fleets.WANTED.capabilities)


def test_a_contract_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ContractError, match=r"'/no/such\.yaml' does not exist"):
        read(parse(images("  - reference: a", "    contract: /no/such.yaml")))


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "the following arguments are required"),
        (("-i", "/no/such"), "the following arguments are required: --images"),
        (("-i", "/no/such", "--images", "LIST"), "There is no inventory '/no/such'"),
        (("-i", "/", "--images", "/no/such"), "Image list '/no/such' does not exist"),
        (("-i", "/", "--images", "LIST", "--contract", "/no/such"), "'/no/such' does not exist"),
        (("-i", "/", "--images", "LIST", "--contract", str(HOST)), "is a host"),
        (("-i", "/", "--images", "LIST", "--contract", "https://x.org/c"), "Fetch it to a file"),
        (("-i", "/", "--images", "LIST", "--contract-sha256", "0" * 64), "was asked for"),
        (("-i", "/", "--images", "LIST", "--egress", "ftp://x"), "is not an egress target"),
        (("-i", "/", "--images", "LIST", "--forks", "0"), "'--forks 0' is not a number of hosts"),
        (("-i", "/", "--image", "LIST"), "required: --images"),
    ],
)
def test_a_wrong_command_is_exit_2_before_any_host_is_touched(
    words: tuple[str, ...], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "images.yaml"
    listed.write_text(images("  - reference: a"))
    code = main(["fleet", *(str(listed) if word == "LIST" else word for word in words)])
    assert code == 2
    assert wanted in capsys.readouterr().err
