"""Each rule of `hardgate static`: the good template holds all, one defect breaks exactly one."""

import shutil
from pathlib import Path

import pytest

from hardgate.model.contract import load_contract
from hardgate.model.verdict import Outcome
from hardgate.pipeline.static.examine import Examination
from hardgate.pipeline.template import Template
from hardgate.resources import CONTRACTS

TEMPLATES = Path(__file__).parents[3] / "integration" / "templates"
WORKFLOW = """\
name: gate
on:
  push:
  pull_request:
permissions:
  contents: read
jobs:
  t4:
    name: t4 (${{ github.event_name }})
    runs-on: docker-host
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
        with:
          persist-credentials: false
      - run: nox -s t4
  validate:
    name: validate (${{ github.event_name }})
    runs-on: docker-host
    needs: [t4]
    if: always()
    steps:
      - run: nox -s validate -- --no-run
"""
INSTALL = "    ca-certificates curl docker-cli gosu sudo util-linux \\\n"
AGENT = " && install -d -o agent -g agent /agent-home\n"
USERADD = "useradd --uid 1000 --user-group --create-home --shell /bin/bash agent"


def make_template(folder: Path) -> Template:
    """Copy the good template into a folder of its own, with a workflow."""
    template = folder / "template"
    shutil.copytree(TEMPLATES / "good", template)
    (template / ".github" / "workflows").mkdir(parents=True)
    (template / ".github" / "workflows" / "gate.yml").write_text(WORKFLOW)
    return Template(context=template, dockerfile=template / "Dockerfile", root=template)


def broken_rules(template: Template) -> dict[str, str]:
    """Give the rules that are not held, with the reason."""
    contract = load_contract(str(CONTRACTS / "t4.yaml"))
    return {
        point.name: point.reason
        for point in Examination(template=template, contract=contract).rule_points()
        if point.outcome is not Outcome.PASS
    }


def test_the_good_template_holds_every_rule(tmp_path: Path) -> None:
    assert broken_rules(make_template(tmp_path)) == {}


DEFECTS = [
    ("agent-uid", "Dockerfile", "--uid 1000", "--uid 1001"),
    ("agent-uid", "Dockerfile", "useradd --uid 1000", "useradd"),
    ("agent-home-made", "Dockerfile", AGENT, ""),
    ("agent-home-made", "Dockerfile", AGENT, " && mkdir -p /agent-home\n"),
    (
        "agent-home-made",
        "Dockerfile",
        f"RUN {USERADD} \\\n{AGENT}",
        f"RUN mkdir -p /agent-home && chown 1000:1000 /agent-home \\\n && {USERADD}\n",
    ),
    ("sudoers-mode", "Dockerfile", "chmod 0440 ", "chmod 0644 "),
    ("sudoers-validated", "Dockerfile", " \\\n && visudo -cf /etc/sudoers.d/agent", ""),
    ("command-nsenter", "Dockerfile", " util-linux", ""),
    ("command-sudo", "Dockerfile", " sudo util", " util"),
    ("command-curl", "Dockerfile", " curl", ""),
    ("command-docker", "Dockerfile", " docker-cli", ""),
    ("command-docker", "Dockerfile", " docker-cli", " docker.io"),
    ("command-curl", "Dockerfile", " && rm -rf", " && apt-get purge -y curl && rm -rf"),
    (
        "install-or-true",
        "Dockerfile",
        " && rm -rf /var/lib/apt/lists/*",
        " && rm -rf /var/lib/apt/lists/* || true",
    ),
    ("install-or-true", "Dockerfile", "util-linux \\\n", "util-linux || : \\\n"),
    ("install-or-true", "Dockerfile", "util-linux \\\n && rm -rf", "util-linux; rm -rf"),
    ("user-stays-root", "Dockerfile", "ENTRYPOINT", "USER agent\nENTRYPOINT"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "gosu agent"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec gosu root"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec sudo -u agent"),
    ("repairs-volumes", "entrypoint.sh", "in /agent-home /configs", "in /configs"),
    ("repairs-volumes", "entrypoint.sh", '    chown -R agent:agent "$folder"\n', ""),
    ("repairs-idempotently", "entrypoint.sh", "for folder", "mkdir /agent-home/cache\nfor folder"),
    ("config-readable", "config.yaml", "name: Echo", "nam: Echo"),
    ("config-readable", "config.yaml", "tier: 4", "tier: four"),
    ("config-readable", "config.yaml", "tier: 4", "tier: 5"),
    ("config-readable", "config.yaml", "port: 8080", "port: 80800"),
    ("config-readable", "config.yaml", "skills: []", "skills: many"),
    ("config-readable", "config.yaml", "tier: 4", "tier: 4\ntier: 2"),
    (
        "no-continue-on-error",
        "W",
        "run: nox -s t4",
        "run: nox -s t4\n        continue-on-error: true",
    ),
    (
        "no-continue-on-error",
        "W",
        "    runs-on: docker-host\n    steps:\n      - uses",
        "    runs-on: docker-host\n    continue-on-error: ${{ true }}\n    steps:\n      - uses",
    ),
    ("no-or-true", "W", "run: nox -s t4", "run: nox -s t4 || true"),
    ("no-or-true", "W", "run: nox -s t4", "run: |\n          set +e\n          nox -s t4"),
    ("no-or-true", "W", "run: nox -s t4", "run: nox -s t4; exit 0"),
    ("no-or-true", "W", "run: nox -s t4", "run: nox -s t4\n        shell: bash {0}"),
    ("no-lost-status", "W", "run: nox -s t4", "run: nox -s t4 | tee log"),
    ("pinned-action", "W", "@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v4"),
    ("read-only-token", "W", "permissions:\n  contents: read\n", ""),
    ("read-only-token", "W", "contents: read", "contents: write"),
    ("read-only-token", "W", "permissions:\n  contents: read", "permissions: write-all"),
    ("distinct-names", "W", "name: t4 (${{ github.event_name }})", "name: t4"),
    ("t4-required", "W", "nox -s t4", "nox -s unit"),
    ("t4-required", "W", "  pull_request:\n", "  workflow_dispatch:\n"),
    ("t4-required", "W", "  pull_request:\n", "  pull_request:\n    paths: [src/**]\n"),
    ("t4-required", "W", "needs: [t4]", "needs: []"),
    ("t4-required", "W", "run: nox -s t4", "run: nox -s t4\n        if: github.actor == 'me'"),
]


@pytest.mark.parametrize(("rule", "file", "old", "new"), DEFECTS)
def test_one_defect_breaks_exactly_its_rule(
    tmp_path: Path, rule: str, file: str, old: str, new: str
) -> None:
    template = make_template(tmp_path)
    place = template.context / (".github/workflows/gate.yml" if file == "W" else file)
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    assert set(broken_rules(template)) == {rule}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "runs-on: docker-host\n    steps:\n      - uses",
            "runs-on: docker-host\n    if: false\n    steps:\n      - uses",
        ),
        (
            "runs-on: docker-host\n    steps:\n      - uses",
            "runs-on: docker-host\n    needs: [nobody]\n    steps:\n      - uses",
        ),
        ("run: nox -s t4", "run: nox -s t4\n        if: ${{ false }}"),
    ],
)
def test_a_t4_that_never_runs_is_unreachable_and_not_required(
    tmp_path: Path, old: str, new: str
) -> None:
    template = make_template(tmp_path)
    file = template.workflow_files[0]
    file.write_text(WORKFLOW.replace(old, new, 1))
    assert set(broken_rules(template)) == {"reachable-job", "t4-required"}


@pytest.mark.parametrize("name", ["t4.yaml", "tiers.yaml"])
def test_contracts_and_tiers_that_come_along_have_to_load(tmp_path: Path, name: str) -> None:
    template = make_template(tmp_path)
    shutil.copytree(CONTRACTS, template.root / "contracts", ignore=shutil.ignore_patterns("*.md"))
    assert broken_rules(template) == {}
    (template.root / "contracts" / name).write_text("version: 2\n")
    assert set(broken_rules(template)) == {"contract-loads"}


@pytest.mark.parametrize("name", ["Dockerfile", "config.yaml", "adapter.py"])
def test_a_part_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    template = make_template(tmp_path)
    (template.context / name).unlink()
    assert "template-parts" in broken_rules(template)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--uid 1000", "-u 1000"),
        (USERADD, "UID_OF_AGENT=1000 && useradd -mu ${UID_OF_AGENT} agent"),
        (AGENT, " && mkdir -p /agent-home && chown -R agent:agent /agent-home\n"),
        ("chmod 0440 /etc/sudoers.d/agent", "chmod 440 /etc/sudoers.d/*"),
        ("RUN apt-get update \\\n", "RUN set -eux; apt-get update; \\\n    true \\\n"),
        ("COPY agent.sudoers", "RUN (userdel -r node || true) && true\nCOPY agent.sudoers"),
        ('["/entrypoint.sh"]', '["tini", "--", "/entrypoint.sh"]'),
        ('["/entrypoint.sh"]', "/entrypoint.sh"),
        ("FROM hardgate-test/python-slim:1", "ARG BASE=a:1\nFROM ${BASE} AS base\nFROM base"),
    ],
)
def test_other_ways_to_write_it_hold_too(tmp_path: Path, old: str, new: str) -> None:
    template = make_template(tmp_path)
    text = template.dockerfile.read_text()
    assert old in text
    template.dockerfile.write_text(text.replace(old, new, 1))
    assert broken_rules(template) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/agent-home /configs /workspace", '"${AGENT_HOME:-/agent-home}" /configs /workspace'),
        ("exec gosu agent", "exec setpriv --reuid=1000 --regid=1000 --init-groups --"),
        ("exec gosu agent", "HOME=/agent-home exec su-exec agent:agent"),
        ('exec gosu agent "$@"', 'if [ "$(id -u)" = 0 ]; then exec gosu agent "$0" "$@"; fi'),
        ('    mkdir -p "$folder"\n', '    install -d -o agent -g agent "$folder"\n'),
        ("for folder in", "mkdir /agent-home/x || true\nfor folder in"),
    ],
)
def test_other_entrypoints_hold_too(tmp_path: Path, old: str, new: str) -> None:
    template = make_template(tmp_path)
    file = template.context / "entrypoint.sh"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    assert broken_rules(template) == {}
