"""The rules on workflows: what keeps T4 away, and what passes its red over."""

from pathlib import Path

import pytest

from tests.unit.pipeline.static.templates import (
    GATE,
    WORKFLOW,
    change_file,
    find_answers,
    find_rules,
    make_template,
    write_file,
)

T4 = "      - run: nox -s t4\n"
JOB = "    runs-on: docker-host\n    steps:\n      - uses"
PRE = """\
  pre:
    name: ${{ github.event_name }}
    runs-on: x
    if: github.ref == 'refs/heads/main'
    steps:
      - run: ls
"""


def run(text: str) -> str:
    """Write a step's script as a block."""
    return "      - run: |\n" + "".join(f"          {line}\n" for line in text.splitlines())


LOST = [
    ("no-or-true", run("nox -s t4 || true")),
    ("no-or-true", run("set +e\nnox -s t4\necho")),
    ("no-or-true", run("set +ex\nnox -s t4\necho")),
    ("no-or-true", run("nox -s t4 || exit 0")),
    ("no-or-true", run("if nox -s t4; then echo ok; fi")),
    ("no-or-true", run("if ! nox -s t4; then echo failed; fi")),
    ("no-or-true", run("! nox -s t4")),
    ("no-or-true", run("nox -s t4 || (echo failed)")),
    ("no-or-true", run("nox -s t4 || (true)")),
    ("no-or-true", run("nox -s t4 & sleep 1")),
    ("no-or-true", run("nox -s t4 || sleep 1")),
    ("no-or-true", run("nox -s t4 || code=$?")),
    ("no-or-true", run("trap 'exit 0' EXIT\nnox -s t4")),
    ("no-or-true", run("for n in 1 2 3; do nox -s t4 && break; sleep 1; done")),
    ("no-or-true", run("out=$(nox -s t4 || true)")),
    ("no-or-true", run("export OUT=$(nox -s t4)")),
    ("no-or-true", run("bash -c 'nox -s t4; echo'")),
    ("no-or-true", T4 + "        shell: bash {0}\n" + run("echo")[:0]),
    ("no-or-true", run("nox -s t4\necho") + "        shell: bash --noprofile {0}\n"),
    ("no-lost-status", run("nox -s t4 | tee log")),
    ("no-lost-status", run("timeout 50m pipx run nox -s t4 2>&1 | tee log")),
    ("no-lost-status", run("nox -s t4 |& tee log")),
    ("no-continue-on-error", T4 + "        continue-on-error: true\n"),
    ("no-continue-on-error", T4 + "        continue-on-error: ${{ matrix.x }}\n"),
]


@pytest.mark.parametrize(("rule", "step"), [case for case in LOST if "{0}\n" not in case[1][-4:]])
def test_a_status_that_is_thrown_away_is_red(tmp_path: Path, rule: str, step: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, T4, step)
    assert find_rules(template, "hard") == {rule}


def test_a_shell_without_errexit_loses_all_but_the_last_status(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    two = run("nox -s t4\necho done")
    change_file(template, GATE, T4, two + "        shell: bash --noprofile {0}\n")
    assert find_rules(template, "hard") == {"no-or-true"}
    change_file(template, GATE, "bash --noprofile {0}", "bash --noprofile -e {0}")
    assert find_answers(template) == {}


def test_a_job_that_may_fail_is_red(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, JOB, "    continue-on-error: ${{ true }}\n" + JOB)
    assert find_rules(template, "hard") == {"no-continue-on-error"}


KEPT = [
    run("nox -s t4 || exit 1"),
    run("nox -s t4 || { echo failed; exit 1; }"),
    run("if ! nox -s t4; then echo failed; exit 1; fi"),
    run("rc=0\nnox -s t4 || rc=$?\necho $rc\nexit $rc"),
    run("set -o pipefail\nnox -s t4 | tee log"),
    run("nox -s t4 | tee log\nexit ${PIPESTATUS[0]}"),
    run("trap 'docker rm -f x || true' EXIT\ndocker rm -f x || true\nnox -s t4"),
    run("until nox -s t4; do sleep 1; done"),
    run("nox -s t4 | tee log") + "        shell: bash\n",
    run("python3 -m nox --session=t4"),
    run("uvx --from nox nox -s static t4"),
    run("hardgate gate --egress beacon"),
    run("env A=b sudo -E timeout -k 5 50m nox -s t4"),
    "      - id: gate\n        continue-on-error: true\n        run: nox -s t4\n"
    "      - if: steps.gate.outcome != 'success'\n        run: exit 1\n",
]


@pytest.mark.parametrize("step", KEPT)
def test_a_status_that_is_kept_holds(tmp_path: Path, step: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, T4, step)
    assert find_answers(template) == {}


AWAY = [
    run("echo nox -s t4"),
    run("if false; then nox -s t4; fi"),
    run("nox -s t4 -- --help"),
    run("nox -s t4 -- --tier 1"),
    run("nox --list -s t4"),
    run("nox -s unit"),
    run('if [ -n "$CI_FULL" ]; then nox -s t4; fi'),
    run("command -v docker || exit 0\nnox -s t4"),
    T4 + "        if: github.actor == 'me'\n",
    T4 + "        if: ${{ false }}\n",
    T4 + "        if: failure()\n",
]


@pytest.mark.parametrize("step", AWAY)
def test_a_step_that_may_do_without_t4_is_red(tmp_path: Path, step: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, T4, step)
    assert find_rules(template, "hard") == {"t4-required"}


FILTERS = [
    ("  pull_request:\n", "  workflow_dispatch:\n"),
    ("  pull_request:\n", "  pull_request_target:\n"),
    ("  pull_request:\n", "  pull_request:\n    paths: [src/**]\n"),
    ("  pull_request:\n", "  pull_request:\n    paths-ignore: ['**.md']\n"),
    ("  pull_request:\n", "  pull_request:\n    types: [closed]\n"),
    ("  pull_request:\n", "  pull_request:\n    types: [opened, labeled]\n"),
    ("  pull_request:\n", "  pull_request:\n    branches: [never]\n"),
    ("  push:\n", "  push:\n    tags: [v*]\n"),
    ("  push:\n", "  push:\n    branches-ignore: ['**']\n"),
    ("  push:\n", "  push:\n    branches: ['release/**']\n"),
    ("  push:\n", "  push:\n    branches: ['**', '!main', '!master']\n"),
    ("  push:\n", "  push:\n    branches: []\n"),
    ("  push:\n", ""),
    (JOB, "    strategy: {matrix: {x: []}}\n" + JOB),
    (JOB, "    strategy: {matrix: {x: [1], exclude: [{x: 1}]}}\n" + JOB),
    (JOB, "    strategy: {matrix: '${{ fromJSON(vars.X) }}'}\n" + JOB),
    (JOB, "    if: github.event_name == 'push'\n" + JOB),
    (JOB, "    if: github.event.pull_request.draft == false\n" + JOB),
    (JOB, "    if: github.repository == 'a/b'\n" + JOB),
    ("jobs:\n  t4:\n", "jobs:\n" + PRE + "  t4:\n    needs: pre\n"),
]


@pytest.mark.parametrize(("old", "new"), FILTERS)
def test_what_keeps_t4_away_is_red(tmp_path: Path, old: str, new: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, old, new)
    assert find_rules(template, "hard") == {"t4-required"}


HARMLESS = [
    ("  push:\n", "  push:\n    branches: [main]\n"),
    ("  push:\n", "  push:\n    branches: ['**']\n    tags-ignore: ['**']\n"),
    ("  pull_request:\n", "  pull_request:\n    branches: ['**']\n"),
    ("  pull_request:\n", "  pull_request:\n    types: [opened, synchronize, reopened]\n"),
    ("on:\n  push:\n  pull_request:\n", "on: [push, pull_request]\n"),
    (JOB, "    strategy: {matrix: {x: [1, 2]}}\n" + JOB),
    (JOB, "    if: ${{ !cancelled() }}\n" + JOB),
    (JOB, "    if: github.event_name == 'push' || github.event_name == 'pull_request'\n" + JOB),
    (JOB, "    if: github.event_name != 'schedule'\n" + JOB),
    ("jobs:\n  t4:\n", "jobs:\n" + PRE + "  t4:\n    needs: pre\n    if: '!cancelled()'\n"),
    (WORKFLOW, WORKFLOW.replace("runs-on: docker-host", "runs-on: &host docker-host", 1).replace(
        "runs-on: docker-host", "runs-on: *host")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), HARMLESS)
def test_what_keeps_t4_from_nothing_holds(tmp_path: Path, old: str, new: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, old, new)
    assert find_answers(template) == {}


def test_a_need_that_is_skipped_is_named_with_the_event(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    pre = PRE.replace("github.ref == 'refs/heads/main'", "github.event_name == 'push'")
    change_file(template, GATE, "jobs:\n  t4:\n", f"jobs:\n{pre}  t4:\n    needs: pre\n")
    reason = find_answers(template)["t4-required"][1]
    assert "does not run on pull_request" in reason
    assert "'pre', which is skipped there" in reason


LAST = "    if: always()\n    steps:\n      - run: nox -s validate -- --no-run\n"
PASSED_OVER = [
    "    steps:\n      - run: nox -s validate -- --no-run\n",
    LAST.replace("always()", "github.event_name == 'push'"),
    LAST.replace("always()", "success()"),
    LAST.replace("--no-run", "--no-run || true"),
    "    if: always()\n    steps:\n      - run: echo done\n",
    "    steps:\n      - run: echo done\n",
    "    if: always()\n    steps:\n      - if: contains(needs.*.result, 'failure')\n"
    "        run: exit 1\n",
    "    if: always()\n    steps:\n      - run: test '${{ needs.t4.result }}' != failure\n",
]


@pytest.mark.parametrize("rest", PASSED_OVER)
def test_a_last_word_that_passes_t4_over_is_red(tmp_path: Path, rest: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, LAST, rest)
    assert "t4-required" in find_rules(template, "hard")


LOOKS = [
    LAST,
    LAST.replace("always()", "${{ always() }}"),
    LAST.replace("always()", "'!cancelled() || always()'"),
    "    if: always()\n    steps:\n      - run: '[ \"${{ needs.t4.result }}\" = success ]'\n",
    "    if: always()\n    steps:\n      - if: needs.t4.result != 'success'\n        run: exit 1\n",
    "    if: always()\n    steps:\n      - if: contains(needs.*.result, 'failure') || "
    "contains(needs.*.result, 'cancelled')\n        run: exit 1\n",
    "    if: always()\n    steps:\n      - uses: re-actors/alls-green@"
    "05ac9388f0aebcb5727afa17fcccfecd6f8ec5fe\n        with:\n"
    "          jobs: ${{ toJSON(needs) }}\n",
]


@pytest.mark.parametrize("rest", LOOKS)
def test_a_last_word_that_looks_at_t4_holds(tmp_path: Path, rest: str) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, LAST, rest)
    assert find_answers(template) == {}


def test_a_last_word_that_does_not_need_t4_is_red(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, "needs: [t4]", "needs: []")
    assert find_rules(template, "hard") == {"t4-required"}


def test_a_job_that_publishes_what_t4_held_is_no_last_word(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    publish = (
        "  publish:\n    name: publish (${{ github.event_name }})\n    needs: [t4]\n"
        "    if: github.ref == 'refs/heads/main'\n    runs-on: x\n    steps:\n"
        "      - run: docker push x\n"
    )
    write_file(template.context / GATE, WORKFLOW + publish)
    assert find_answers(template) == {}


def test_an_unreachable_job_is_advice(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    write_file(
        template.context / GATE,
        WORKFLOW + "  docs:\n    runs-on: x\n    if: false\n    steps:\n      - run: ls\n",
    )
    assert {name: kind for name, (kind, _) in find_answers(template).items()} == {
        "reachable-job": "advice"
    }


CALLS = """\
on:
  workflow_call:
    inputs:
      session: {type: string, default: t4}
jobs:
  inner:
    runs-on: x
    steps:
      - run: nox -s ${{ inputs.session }}
"""


def test_a_reusable_workflow_of_the_repository_is_followed(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    called = ".github/workflows/called.yml"
    write_file(template.context / called, CALLS)
    head, rest = WORKFLOW.split("    runs-on: docker-host\n", 1)
    tail = rest[rest.index("  validate:") :]
    write_file(template.context / GATE, f"{head}    uses: ./{called}\n{tail}")
    assert find_answers(template) == {}
    change_file(
        template, GATE, f"uses: ./{called}\n", f"uses: ./{called}\n    with: {{session: x}}\n"
    )
    assert find_rules(template, "hard") == {"t4-required"}
    change_file(template, GATE, "    with: {session: x}\n", "")
    change_file(template, called, "inputs.session }}", "inputs.session }} || true")
    assert find_rules(template, "hard") == {"no-or-true"}


ACTION = """\
runs:
  using: composite
  steps:
    - uses: x/y@main
    - run: nox -s t4
      shell: bash
"""


def test_a_composite_action_of_the_repository_is_followed(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    write_file(template.context / "ci/gate/action.yml", ACTION)
    change_file(template, GATE, T4, "      - uses: ./ci/gate\n")
    answers = find_answers(template)
    assert {name: kind for name, (kind, _) in answers.items()} == {"pinned-action": "advice"}
    change_file(template, "ci/gate/action.yml", "nox -s t4", "nox -s t4 || true")
    assert find_rules(template, "hard") == {"no-or-true"}


def test_a_script_of_the_repository_is_followed(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    write_file(template.context / "ci/gate.sh", "#!/bin/bash\nnox -s t4\n")
    change_file(template, GATE, T4, "      - run: ./ci/gate.sh\n")
    assert find_answers(template) == {}
    write_file(template.context / "ci/gate.sh", "#!/bin/bash\nnox -s t4\necho\n")
    assert find_rules(template, "hard") == {"no-or-true"}


def test_a_workflow_elsewhere_cannot_be_told_and_does_not_count(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    write_file(
        template.context / GATE,
        "on: [push, pull_request]\njobs:\n  t4:\n    uses: a/b/.github/workflows/t4.yml@main\n",
    )
    kind, reason = find_answers(template)["t4-required"]
    assert kind == "hard"
    assert "a/b/.github/workflows/t4.yml@main" in reason


PERMISSIONS = [
    ("permissions:\n  contents: read\n", ""),
    ("contents: read", "contents: write"),
    ("contents: read", "statuses: write"),
    ("permissions:\n  contents: read", "permissions: write-all"),
]


@pytest.mark.parametrize(("old", "new"), PERMISSIONS)
def test_a_token_that_may_set_a_verdict_is_red_on_github(
    tmp_path: Path, old: str, new: str
) -> None:
    template = make_template(tmp_path)
    change_file(template, GATE, old, new)
    assert find_rules(template, "hard") == {"read-only-token"}


@pytest.mark.parametrize("forge", [".gitea", ".forgejo"])
def test_what_these_forges_do_by_themselves_is_known(tmp_path: Path, forge: str) -> None:
    """They put the event into a status' name, and know no 'permissions'."""
    template = make_template(tmp_path)
    text = WORKFLOW.replace(" (${{ github.event_name }})", "")
    write_file(template.context / forge / "workflows/gate.yml", text)
    (template.context / GATE).unlink()
    assert find_answers(template) == {}
    change_file(template, f"{forge}/workflows/gate.yml", "permissions:\n  contents: read\n", "")
    assert find_rules(template, "hard") == set()


def test_a_workflow_that_no_answer_rests_on_is_advice_at_most(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    other = (
        "on: [push]\njobs:\n  lint:\n    runs-on: x\n    continue-on-error: true\n    steps:\n"
        "      - run: |\n          docker rm -f x || true\n          pytest || true\n"
    )
    write_file(template.context / ".github/workflows/other.yml", other)
    assert find_rules(template, "hard") == set()


def test_a_job_that_the_last_word_rests_on_keeps_its_tests_statuses(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    unit = (
        "  unit:\n    name: unit (${{ github.event_name }})\n    runs-on: x\n    steps:\n"
        "      - run: pytest tests | tail -5\n"
    )
    change_file(template, GATE, "  validate:\n", f"{unit}  validate:\n")
    change_file(template, GATE, "needs: [t4]", "needs: [t4, unit]")
    assert find_rules(template, "hard") == {"no-lost-status"}


def test_a_repository_without_a_workflow_is_red(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    (template.context / GATE).unlink()
    assert find_rules(template, "hard") == {"t4-required"}


def test_a_gate_that_cannot_be_read_is_red_and_another_file_advice(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    write_file(template.context / ".github/workflows/broken.yml", "on: [push\n")
    assert find_answers(template)["workflow-readable"][0] == "advice"
    write_file(template.context / GATE, WORKFLOW + "\t- nox\n")
    assert find_rules(template, "hard") == {"workflow-readable", "t4-required"}
