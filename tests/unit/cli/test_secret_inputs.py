"""What of a command line is a secret: by its name or its looks, and nothing that a report needs."""

from pathlib import Path

import pytest

from hardgate.cli.secret_inputs import (
    pick_secret_values,
    read_build_secrets,
    redactor_of_command_line,
)
from hardgate.redaction import MASK

SECRET = "Zq7-pl4in_v8K2"


@pytest.mark.parametrize(
    "pair",
    [
        ("DB_PASS", "orange"),
        ("MYSQL_PWD", "orange"),
        ("PGPASS", "orange"),
        ("SESSION_COOKIE", "orange"),
        ("SLACK_WEBHOOK", "https://hooks.example.org/T0/B0/x"),
        ("SENTRY_DSN", "https://abc@sentry.example.org/1"),
        ("GPG_PASSPHRASE", "orange juice"),
        ("PIN_TOKEN", "12345"),
        ("api-key", "orange"),
        ("HARMLESS", SECRET),
        ("ANYTHING", "6f1e8c0a9b7d4e2f"),
        ("REGISTRY", "550e8400-e29b-41d4-a716-446655440000"),
    ],
)
def test_a_secret_is_picked_by_its_name_or_its_looks(pair: tuple[str, str]) -> None:
    assert list(pick_secret_values([pair])) == [pair[1]]


@pytest.mark.parametrize(
    "pair",
    [
        ("USERNAME", "agent"),
        ("BASE_IMAGE", "python:3.12-slim-bookworm"),
        ("GIT_COMMIT", "6f1e8c0a9b7d4e2f6f1e8c0a9b7d4e2f6f1e8c0a"),
        ("APP_VERSION", "v1.22.333-rc4"),
        ("PORT", "12345678"),
        ("DATA_DIR", "/var/lib/application"),
        ("PWD", "/home/agent/workspace"),
        ("USE_TOKEN", "true"),
        ("LANG", "en_US.UTF-8"),
        ("GREETING", "hello wonderful world"),
        ("NODE", "internationalization"),
    ],
)
def test_what_a_report_is_read_for_is_no_secret(pair: tuple[str, str]) -> None:
    assert list(pick_secret_values([pair])) == []


def test_a_builds_secrets_are_read_where_the_builder_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")

    assert list(read_build_secrets(["id=a,env=MYTOK"], {"MYTOK": "from-env"})) == ["from-env"]
    assert list(read_build_secrets([f"id=a,src={file}"], {})) == [f"{SECRET}\n"]
    assert "from-id" in read_build_secrets(["id=NAMED"], {"NAMED": "from-id"})


def test_a_pipe_in_a_secrets_place_is_left_to_the_builder(tmp_path: Path) -> None:
    assert list(read_build_secrets([f"id=a,src={tmp_path}"], {})) == []


@pytest.mark.parametrize(
    "argv",
    [
        ["gate", "--env", f"DEPLOY_TOKEN={SECRET}"],
        ["gate", f"--env=DEPLOY_TOKEN={SECRET}"],
        ["build", "--build-arg", f"X={SECRET}", "--nonsense"],
        ["gate", "--env", "INHERITED"],
        ["gate", "--secret", "id=x,env=INHERITED"],
    ],
)
def test_any_command_lines_secrets_are_known_before_it_is_understood(argv: list[str]) -> None:
    redactor = redactor_of_command_line(argv, {"INHERITED": SECRET})

    assert redactor.redact_text(f"it said {SECRET} aloud") == f"it said {MASK} aloud"


def test_an_env_files_secrets_are_known(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"# comment\nPLAIN=agent\nDB_PASS={SECRET}\n")

    redactor = redactor_of_command_line(["gate", "--env-file", str(file)], {})

    assert SECRET not in redactor.redact_text(f"agent {SECRET}")
    assert "agent" in redactor.redact_text(f"agent {SECRET}")


def test_a_build_argument_of_a_common_word_hides_nothing() -> None:
    redactor = redactor_of_command_line(["build", "--build-arg", "USERNAME=agent"], {})
    text = "the agent runs as agent in /agent-home"

    assert redactor.redact_text(text) == text


def test_a_command_without_words_has_no_secret() -> None:
    assert redactor_of_command_line([], {}).redact_text("a word") == "a word"
