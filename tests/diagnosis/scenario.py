"""Scenarios of silent failures: data, made into contexts, contracts and runs of the gate."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).with_name("cases.yaml")
SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Case:
    """One silent failure, and what must be said of it."""

    name: str
    probe: str
    cause: str = ""
    """The rule's id; empty for a healthy look-alike."""
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One image and one run."""

    name: str
    about: str
    dockerfile: str
    words: Sequence[str]
    files: Mapping[str, str]
    cases: tuple[Case, ...]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the build context and the contract; give their paths."""
        context = folder / "context"
        context.mkdir(parents=True)
        recipe = f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\n{self.dockerfile}"
        (context / "Dockerfile").write_text(recipe)
        for name, text in self.files.items():
            (context / name).write_text(text)
        contract = folder / "contract.yaml"
        contract.write_text(json.dumps(self.contract()))
        return context, contract

    def contract(self) -> dict[str, Any]:
        """Give the contract of its probes."""
        capabilities = [
            {
                "name": case.name,
                "description": f"what {case.name} promises",
                "severity": "hard",
                "source": self.about,
                "probe": case.probe,
                **({"timeout": case.timeout} if case.timeout else {}),
            }
            for case in self.cases
        ]
        return {"version": 1, "agent_uid": 1000, "capabilities": capabilities}


def load_scenarios() -> tuple[Scenario, ...]:
    """Read all scenarios."""
    return tuple(
        Scenario(
            name=entry["scenario"],
            about=entry["about"],
            dockerfile=entry.get("dockerfile", ""),
            words=(*entry.get("words", ()), *entry.get("flags", ())),
            files=entry.get("files", {}),
            cases=tuple(Case(**case) for case in entry["cases"]),
        )
        for entry in yaml.safe_load(CASES.read_text())
    )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that has ended."""

    output: str
    summary: Mapping[str, Any]

    def verdict(self, name: str) -> dict[str, Any]:
        """Find one verdict."""
        return next(dict(one) for one in self.summary["verdicts"] if one["name"] == name)

    def cause(self, name: str) -> str:
        """Give the cause that was found; empty where none was."""
        reason = (self.verdict(name)["diagnosis"] or {}).get("reason") or {}
        return str(reason.get("cause", ""))


def run(scenario: Scenario, reference: str, folder: Path, *words: str) -> Ended:
    """Run the gate on a scenario, on top of the reference image."""
    context, contract = scenario.write(folder)
    command = [
        *(sys.executable, "-m", "hardgate", "gate", "--context", str(context)),
        *("--build-arg", f"BASE_IMAGE={reference}", "--contract", str(contract)),
        *("--out", str(folder / "reports"), *scenario.words, *words),
    ]
    ended = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    summary = folder / "reports" / "summary.json"
    assert summary.is_file(), ended.stdout
    return Ended(output=ended.stdout, summary=json.loads(summary.read_text()))
