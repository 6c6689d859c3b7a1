"""Which entrypoints can be read, and what is said of those that cannot."""

from pathlib import Path

import pytest

from tests.unit.pipeline.static.templates import (
    change_file,
    find_answers,
    make_template,
    write_file,
)

ENTRYPOINT = 'ENTRYPOINT ["/entrypoint.sh"]'


def test_an_entrypoint_is_found_on_a_path_that_the_dockerfile_extends(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", "0755 /entrypoint.sh", "0755 /usr/local/bin/entrypoint.sh")
    change_file(template, "Dockerfile", "sh /entrypoint.sh\n", "sh /usr/local/bin/\n")
    change_file(template, "Dockerfile", "WORKDIR", "ENV PATH=$PATH:/opt/tool/bin\nWORKDIR")
    change_file(template, "Dockerfile", ENTRYPOINT, 'ENTRYPOINT ["entrypoint.sh"]')
    assert find_answers(template) == {}


@pytest.mark.parametrize("program", ["/opt/supervise", "launch"])
def test_a_program_that_is_no_script_of_the_context_may_drop_root(
    tmp_path: Path, program: str
) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", ENTRYPOINT, f'ENTRYPOINT ["{program}"]')
    answers = find_answers(template)
    rules = ("drops-privileges", "repairs-volumes", "entrypoint-known")
    assert {answers[rule][0] for rule in rules} == {"untold"}


@pytest.mark.parametrize("program", ["python3", "/usr/bin/node", "tail"])
def test_an_interpreter_stays_who_it_was_started_as(tmp_path: Path, program: str) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", ENTRYPOINT, f'ENTRYPOINT ["{program}"]')
    assert find_answers(template)["drops-privileges"][0] == "hard"


def test_what_make_installs_is_open_only_where_its_makefile_installs(tmp_path: Path) -> None:
    template = make_template(tmp_path)
    change_file(template, "Dockerfile", " docker-cli", "")
    made = "COPY Makefile ./\nRUN make all\n"
    change_file(template, "Dockerfile", "WORKDIR /app\n", f"WORKDIR /app\n{made}")
    write_file(template.context / "Makefile", "all:\n\techo built\n")
    assert find_answers(template)["command-docker"][0] == "hard"
    write_file(template.context / "Makefile", "all:\n\tapt-get install -y docker-cli\n")
    assert find_answers(template)["command-docker"][0] == "untold"
