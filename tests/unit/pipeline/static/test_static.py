"""Each rule of `hardgate static`: the good template holds all, one defect breaks exactly one."""

import shutil
from pathlib import Path

import pytest

from hardgate.model.contract import Severity
from hardgate.pipeline.static.rules import rules
from hardgate.resources import CONTRACTS
from tests.unit.pipeline.static.templates import (
    GATE,
    change_file,
    find_answers,
    find_rules,
    make_template,
    write_file,
)

HOME = " && install -d -o agent -g agent /agent-home\n"
USERADD = "useradd --uid 1000 --user-group --create-home --shell /bin/bash agent"
APT = "util-linux \\\n && rm -rf /var/lib/apt/lists/*"


def test_the_good_template_holds_every_rule(tmp_path: Path) -> None:
    assert find_answers(make_template(tmp_path)) == {}


def test_each_hard_rule_states_which_wrong_verdict_it_prevents() -> None:
    hard = {rule.id for rule in rules().values() if rule.severity is Severity.HARD}
    assert {"t4-required", "no-or-true", "drops-privileges", "agent-uid"} <= hard
    assert hard.isdisjoint({"pinned-action", "distinct-names", "reachable-job"})
    for name in hard:
        assert rules()[name].prevents.endswith(".")


DEFECTS = [
    ("agent-uid", "Dockerfile", "--uid 1000", "--uid 1001"),
    ("agent-uid", "Dockerfile", "useradd --uid 1000", "useradd --system"),
    ("agent-uid", "Dockerfile", "WORKDIR /app", "RUN userdel agent\nWORKDIR /app"),
    ("agent-home-made", "Dockerfile", HOME, " && true\n"),
    ("agent-home-made", "Dockerfile", HOME, " && mkdir -p /agent-home\n"),
    ("agent-home-made", "Dockerfile", HOME, HOME + "RUN chown root /agent-home\n"),
    ("agent-home-made", "Dockerfile", HOME, HOME + "RUN rm -rf /agent-home\n"),
    ("agent-home-made", "Dockerfile", HOME, " && install -d -o agent /agent-home/x\n"),
    ("sudoers-mode", "Dockerfile", "chmod 0440 ", "chmod 0666 "),
    ("sudoers-mode", "Dockerfile", "WORKDIR", "RUN chmod 0666 /etc/sudoers.d/agent\nWORKDIR"),
    ("sudoers-mode", "Dockerfile", "COPY agent.sudoers", "COPY --chown=agent agent.sudoers"),
    ("sudoers-mode", "agent.sudoers", "NOPASSWD: ", ""),
    ("sudoers-mode", "agent.sudoers", "agent ALL", "somebody ALL"),
    ("command-sudo", "Dockerfile", " sudo util", " util"),
    ("command-curl", "Dockerfile", " curl", ""),
    ("command-docker", "Dockerfile", " docker-cli", ""),
    ("command-docker", "Dockerfile", " docker-cli", " docker.io"),
    ("command-curl", "Dockerfile", " && rm -rf", " && apt-get purge -y curl && rm -rf"),
    ("install-or-true", "Dockerfile", APT, APT + " || true"),
    ("install-or-true", "Dockerfile", "util-linux \\\n", "util-linux || : \\\n"),
    ("install-or-true", "Dockerfile", "util-linux \\\n && rm -rf", "util-linux; rm -rf"),
    ("install-or-true", "Dockerfile", APT, "util-linux | tee /log"),
    ("user-stays-root", "Dockerfile", "ENTRYPOINT", "USER agent\nENTRYPOINT"),
    ("user-stays-root", "Dockerfile", "ENTRYPOINT", "USER\tagent\nENTRYPOINT"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "gosu agent"),
    ("drops-privileges", "Dockerfile", '["/entrypoint.sh"]', "/entrypoint.sh"),  # takes no CMD
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec gosu root"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec sudo -u agent"),
    ("drops-privileges", "entrypoint.sh", "exec gosu agent", "exec runuser -u agent --"),
    ("repairs-volumes", "entrypoint.sh", "in /agent-home /configs", "in /configs"),
    ("repairs-volumes", "entrypoint.sh", '    chown -R agent:agent "$folder"\n', ""),
    ("repairs-volumes", "entrypoint.sh", 'chown -R agent:agent "$folder"', 'chown root "$folder"'),
    ("repairs-idempotently", "entrypoint.sh", "for folder", "mkdir /agent-home/cache\nfor folder"),
    ("config-readable", "config.yaml", "name: Echo", "nam: Echo"),
    ("config-readable", "config.yaml", "tier: 4", "tier: four"),
    ("config-readable", "config.yaml", "tier: 4", "tier: 5"),
    ("config-readable", "config.yaml", "port: 8080", "port: 80800"),
    ("config-readable", "config.yaml", "skills: []", "skills: many"),
    ("config-readable", "config.yaml", "tier: 4", "tier: 4\ntier: 2"),
    ("dockerfile-readable", "Dockerfile", "WORKDIR /app", "RUN <<EOF\nWORKDIR /app"),
]


@pytest.mark.parametrize(("rule", "file", "old", "new"), DEFECTS)
def test_one_defect_breaks_exactly_its_rule(
    tmp_path: Path, rule: str, file: str, old: str, new: str
) -> None:
    template = make_template(tmp_path)
    change_file(template, file, old, new)
    assert find_rules(template, "hard") == {rule}


ADVICE = [
    ("sudoers-mode", "Dockerfile", "chmod 0440 ", "chmod 0644 "),
    ("sudoers-validated", "Dockerfile", " \\\n && visudo -cf /etc/sudoers.d/agent", ""),
    ("download-in-pipe", "Dockerfile", "WORKDIR", "RUN curl -fsS https://x.test/i | sh\nWORKDIR"),
    ("pinned-action", GATE, "@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@v4"),
    ("distinct-names", GATE, "name: t4 (${{ github.event_name }})", "name: t4"),
]


@pytest.mark.parametrize(("rule", "file", "old", "new"), ADVICE)
def test_what_changes_no_verdict_is_advice(
    tmp_path: Path, rule: str, file: str, old: str, new: str
) -> None:
    template = make_template(tmp_path)
    change_file(template, file, old, new)
    answers = find_answers(template)
    assert {name: kind for name, (kind, _) in answers.items()} == {rule: "advice"}


UNTOLD = [
    ({"agent-uid"}, "Dockerfile", "--uid 1000", '--uid "$(cat /uid)"'),
    ({"drops-privileges"}, "entrypoint.sh", "exec gosu agent", 'exec gosu "$(cat /who)"'),
    (
        {"command-curl", "command-docker", "command-sudo"},
        "Dockerfile",
        "curl docker-cli gosu sudo util-linux",
        "$(cat /packages)",
    ),
    ({"user-stays-root"}, "Dockerfile", "ENTRYPOINT", "ARG WHO\nUSER ${WHO}\nENTRYPOINT"),
    (
        {"entrypoint-known", "drops-privileges", "repairs-volumes", "repairs-idempotently"},
        "Dockerfile",
        'ENTRYPOINT ["/entrypoint.sh"]',
        'ENTRYPOINT ["/init"]',
    ),
]


@pytest.mark.parametrize(("expected", "file", "old", "new"), UNTOLD)
def test_what_the_text_does_not_tell_is_neither_red_nor_silent(
    tmp_path: Path, expected: set[str], file: str, old: str, new: str
) -> None:
    template = make_template(tmp_path)
    change_file(template, file, old, new)
    answers = find_answers(template)
    assert {name for name, (kind, _) in answers.items() if kind == "untold"} == expected
    assert {kind for kind, _ in answers.values()} == {"untold"}


def test_nothing_is_known_of_an_unknown_base_that_makes_the_user(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    template.dockerfile.write_text(
        'FROM ours/agents:7\nCOPY entrypoint.sh /\nENTRYPOINT ["/entrypoint.sh"]\nCMD ["python3"]\n'
    )
    answers = find_answers(template)
    assert {kind for kind, _ in answers.values()} == {"untold"}
    assert {"agent-uid", "agent-home-made", "command-docker", "sudoers-mode"} <= answers.keys()


@pytest.mark.parametrize("name", ["t4.yaml", "tiers.yaml"])
def test_contracts_and_tiers_that_come_along_have_to_load(tmp_path: Path, name: str) -> None:
    template = make_template(tmp_path)
    shutil.copytree(CONTRACTS, template.root / "contracts", ignore=shutil.ignore_patterns("*.md"))
    assert find_answers(template) == {}
    (template.root / "contracts" / name).write_text("version: 2\n")
    assert find_rules(template, "hard") == {"contract-loads"}


@pytest.mark.parametrize("name", ["Dockerfile", "config.yaml", "adapter.py"])
def test_a_part_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    template = make_template(tmp_path)
    (template.context / name).unlink()
    assert find_answers(template)["template-parts"][0] == "hard"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--uid 1000", "-u 1000"),
        ("--uid 1000 ", ""),  # the first user of a known base has 1000
        (USERADD, "UID_OF_AGENT=1000 && useradd -mu ${UID_OF_AGENT} agent"),
        (HOME, " && mkdir -p /agent-home && chown -R agent:agent /agent-home\n"),
        (HOME, " && mkdir -m 1777 /agent-home && chmod 1777 /agent-home\n"),
        (HOME, " && ln -s /home/agent /agent-home\n"),
        (f"RUN {USERADD} \\\n{HOME}", f"RUN install -d -o 1000 /agent-home && {USERADD}\n"),
        (f"RUN {USERADD} \\\n{HOME}", "RUN useradd -u 1000 -md /agent-home agent\n"),
        ("chmod 0440 /etc/sudoers.d/agent", "chmod 440 /etc/sudoers.d/*"),
        (" util-linux", ""),  # essential in Debian
        (" docker-cli", ""),
        ("RUN apt-get update \\\n", "RUN set -eux; apt-get update; \\\n    true \\\n"),
        ("RUN apt-get update \\\n &&", "RUN apt-get update || true; \\\n"),
        ("COPY agent.sudoers", "RUN (userdel -r node || true) && true\nCOPY agent.sudoers"),
        ('["/entrypoint.sh"]', '["tini", "--", "/entrypoint.sh"]'),
        ('["/entrypoint.sh"]', '["entrypoint.sh"]'),
        ("FROM python:3.11-slim", "ARG BASE=python:3.11-slim\nFROM ${BASE} AS Base\nFROM base"),
        ("FROM python:3.11-slim", "FROM mirror.example.org/library/debian:trixie-slim"),
        ("RUN chmod 0755 /entrypoint.sh\n", "RUN x=$((1<<4)); echo \"a << b\" '<<c' $x\n"),
        ("WORKDIR /app", "LABEL a=\"x <<y\" b=c\nRUN cat <<< hello\nWORKDIR /app"),
        ("COPY entrypoint.sh /entrypoint.sh\nRUN chmod 0755 /entrypoint.sh",
         "COPY --chmod=0755 *.sh /\nCOPY a**b /x\nCOPY [^ /y"),
    ],
)  # fmt: skip
def test_other_ways_to_write_it_hold_too(tmp_path: Path, old: str, new: str) -> None:
    template = make_template(tmp_path)
    if "docker-cli" in old:
        change_file(template, "Dockerfile", "WORKDIR", f"{DOCKER}\nWORKDIR")
    if "entrypoint.sh" in new and '["entrypoint.sh"]' in new:
        change_file(template, "Dockerfile", "/entrypoint.sh\nRUN chmod 0755 /entrypoint.sh",
                    "/usr/local/bin/entrypoint.sh")  # fmt: skip
    change_file(template, "Dockerfile", old, new)
    assert find_answers(template) == {}


DOCKER = "COPY --from=docker:cli /usr/local/bin/docker /usr/local/bin/"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/agent-home /configs /workspace", '"${AGENT_HOME:-/agent-home}" /configs /workspace'),
        ('exec gosu agent "$@"', "exec gosu agent python3 -u /app/serve.py"),
        ("exec gosu agent", "exec setpriv --reuid=1000 --regid=1000 --init-groups --"),
        ("exec gosu agent", "exec setpriv --reuid agent --regid agent --init-groups"),
        ("exec gosu agent", "exec chroot --userspec=agent:agent /"),
        ("exec gosu agent", "HOME=/agent-home exec su-exec agent:agent"),
        ("exec gosu agent", 'AS_AGENT="gosu agent"\nexec $AS_AGENT'),
        ('exec gosu agent "$@"', 'set -- gosu agent "$@"\nexec "$@"'),
        ('exec gosu agent "$@"', 'if [ "$(id -u)" = 0 ]; then exec gosu agent "$0" "$@"; fi\n'
         'exec "$@"'),
        ('exec gosu agent "$@"', 'if command -v gosu >/dev/null; then exec gosu agent "$@"; fi\n'
         'exec "$@"'),
        ('exec gosu agent "$@"', 'if [ -n "$AS_ROOT" ]; then exec "$@"; fi\nexec gosu agent "$@"'),
        ('    mkdir -p "$folder"\n', '    install -d -o agent -g agent "$folder"\n'),
        ('    chown -R agent:agent "$folder"', '    [ "$(stat -c %u "$folder")" = 1000 ] || '
         'chown -R agent "$folder"'),
        ("for folder in", "mkdir /agent-home/x || true\nfor folder in"),
        ("for folder in", "[ -d /agent-home/x ] || mkdir /agent-home/x\nfor folder in"),
        ("for folder in", "scratch=$(mktemp -d)\nmkdir \"$scratch/x\"\nfor folder in"),
        ("set -eu\n", "set -eu\ncat >&2 <<BANNER\nIt doesn't stay here.\nBANNER\n"),
    ],
)  # fmt: skip
def test_other_entrypoints_hold_too(tmp_path: Path, old: str, new: str) -> None:
    template = make_template(tmp_path)
    change_file(template, "entrypoint.sh", old, new)
    assert find_answers(template) == {}


LOST_INSTALLS = [
    "DEBIAN_FRONTEND=noninteractive apt-get install -y jq || true",
    "timeout 60 apt-get install -y jq || true",
    "sudo -E nice -n 5 apt-get install -y jq || echo failed",
    "apt-get install -y jq & true",
    "apt-get install -y jq || sh -c true",
    "set -e; apt-get install -y jq && rm -rf x; echo",
    "if apt-get install -y jq; then echo ok; fi",
    "set -e; for n in 1 2; do pip install x && break; sleep 1; done",
    "<<EOF\napt-get install -y jq\nrm -rf x\nEOF",
    '["sh", "-c", "apt-get install -y jq || true"]',
    "pip install -q x; pip install -q y",
    "bash -c 'pip install x; echo'",
    "{ pip install x; echo; } 2>&1",
]


@pytest.mark.parametrize("text", LOST_INSTALLS)
def test_an_install_whose_failure_is_thrown_away_is_red(tmp_path: Path, text: str) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", "WORKDIR /app", f"RUN {text}\nWORKDIR /app")
    answers = find_answers(template)
    assert set(answers) == {"install-or-true"}
    assert answers["install-or-true"][0] == "hard"


KEPT_INSTALLS = [
    'if [ -n "$X" ]; then pip install x; fi',
    "set -e; apt-get install -y jq; rm -rf x",
    "<<EOF\nset -e\napt-get install -y jq\nrm -rf x\nEOF",
    "<<EOF\n#!/bin/sh -e\napt-get install -y jq\nrm -rf x\nEOF",
    "apt-get install -y jq || apt-get install -y --fix-missing jq",
    "apt-get install -y jq || exit 1",
    "apt-get install -y jq || { echo failed; exit 1; }",
    "fail() { exit 1; }; pip install x || fail",
    "set -o pipefail; pip install x | tee log",
    "rc=0; pip install x || rc=$?; exit $rc",
    "groupadd -g 988 -f docker-host || true; usermod -aG docker-host agent || true",
    "curl -sf https://x.test/ -o /dev/null || true",
]


@pytest.mark.parametrize("text", KEPT_INSTALLS)
def test_an_install_whose_failure_ends_the_build_holds(tmp_path: Path, text: str) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", "WORKDIR /app", f"RUN {text}\nWORKDIR /app")
    assert find_answers(template) == {}


def test_a_shell_that_ends_at_the_first_failure_keeps_installs(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(
        template,
        "Dockerfile",
        "WORKDIR /app",
        'SHELL ["/bin/bash", "-euo", "pipefail", "-c"]\nRUN pip install x; echo y\n'
        "RUN pip install x | tee log\nWORKDIR /app",
    )
    assert find_answers(template) == {}


def test_a_script_of_the_context_is_followed(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    write_file(template.context / "setup.sh", "#!/bin/sh\napt-get install -y curl || true\n")
    change_file(template, "Dockerfile", " curl", "")
    change_file(
        template, "Dockerfile", "WORKDIR", "COPY setup.sh /tmp/\nRUN /tmp/setup.sh\nWORKDIR"
    )
    assert find_rules(template, "hard") == {"install-or-true"}


def test_what_onbuild_keeps_is_done_by_the_stage_that_is_built_on_it(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", "RUN apt-get update", "ONBUILD RUN apt-get update")
    answers = find_answers(template)
    assert {"command-curl", "command-sudo", "command-docker"} <= answers.keys()
    change_file(template, "Dockerfile", "FROM python:3.11-slim", "FROM python:3.11-slim AS one")
    text = template.dockerfile.read_text()
    head, tail = text.split("RUN useradd", 1)
    template.dockerfile.write_text(f"{head}FROM one\nRUN useradd{tail}")
    assert find_answers(template) == {}


def test_an_entrypoint_that_the_dockerfile_writes_is_read(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    script = (template.context / "entrypoint.sh").read_text()
    change_file(
        template,
        "Dockerfile",
        "COPY entrypoint.sh /entrypoint.sh\n",
        f"COPY <<'BOOT' /entrypoint.sh\n{script}BOOT\n",
    )
    (template.context / "entrypoint.sh").unlink()
    assert find_answers(template) == {}
    change_file(template, "Dockerfile", "exec gosu agent", "exec")
    assert find_rules(template, "hard") == {"drops-privileges"}
