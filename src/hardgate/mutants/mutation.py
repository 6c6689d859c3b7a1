"""Mutations as data: what is broken, and what has to notice it; read from mutations.yaml."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from hardgate.errors import UsageError
from hardgate.model.tier import Tier
from hardgate.text.typo import suggest_choice

MUTATIONS_FILE = Path(__file__).with_name("mutations.yaml")
BOOT_PROGRAM = "/usr/local/lib/hardgate-mutant"


class MutationKind(Enum):
    """What is changed."""

    IMAGE = "image"
    BOOT = "boot"
    TIER = "tier"


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One change that breaks a promise."""

    name: str
    kind: MutationKind
    about: str
    change: str
    breaks: tuple[str, ...]
    """Promises that must go red, where the contract or the tier has them."""
    also: tuple[str, ...] = ()
    """Dependents, which may."""


def load_mutations(only: Sequence[str] = ()) -> tuple[Mutation, ...]:
    """Read all mutations, or those that are named; raises UsageError for a name that is none."""
    table = [_read_mutation(entry) for entry in yaml.safe_load(MUTATIONS_FILE.read_text())]
    names = [mutation.name for mutation in table]
    for name in only:
        if name not in names:
            raise UsageError(
                f"There is no mutation '{name}'.",
                suggest_choice(name, names) or f"Use one of {', '.join(names)}.",
            )
    return tuple(mutation for mutation in table if not only or mutation.name in only)


def find_foreign(promises: Iterable[str]) -> frozenset[str]:
    """Pick the promises that no mutation names: those of a contract written elsewhere."""
    known = {name for one in load_mutations() for name in (*one.breaks, *one.also)}
    return frozenset(promises) - known


def _read_mutation(entry: Mapping[str, Any]) -> Mutation:
    return Mutation(
        name=entry["name"],
        kind=MutationKind(entry["kind"]),
        about=entry["about"],
        change=entry["change"],
        breaks=tuple(entry["breaks"]),
        also=tuple(entry.get("also", ())),
    )


@dataclass(frozen=True, kw_only=True)
class ImageCommand:
    """How an image starts, as its configuration says."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str

    @classmethod
    def from_inspect(cls, inspect: Mapping[str, Any]) -> "ImageCommand":
        """Read the engine's answer."""
        config = inspect.get("Config") or {}
        return cls(
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            user=config.get("User") or "",
        )


def write_context(mutation: Mutation, start: ImageCommand, folder: Path) -> None:
    """Write a build context of the mutated image; a tier's mutation changes nothing of it."""
    lines = ["ARG BASE_IMAGE", "FROM ${BASE_IMAGE}", "USER 0:0"]
    if mutation.kind is MutationKind.IMAGE:
        lines.append(mutation.change.rstrip())
    if mutation.kind is MutationKind.BOOT:
        words = len(start.entrypoint)
        script = f"#!/bin/sh\nENTRYPOINT_WORDS={words}\n{mutation.change.rstrip()}\n"
        (folder / "boot").write_text(script)
        lines += [f"COPY boot {BOOT_PROGRAM}", f"RUN chmod 0755 {BOOT_PROGRAM}"]
        # An ENTRYPOINT makes the engine forget the CMD of the image below.
        lines.append(f"ENTRYPOINT {_exec_form(BOOT_PROGRAM, *start.entrypoint)}")
        lines.append(f"CMD {_exec_form(*start.command)}")
    if start.user:
        lines.append(f"USER {start.user}")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")


def _exec_form(*words: str) -> str:
    return json.dumps(words)


@dataclass(frozen=True, kw_only=True)
class MutatedTier(Tier):
    """Judges as the tier does, and starts something else."""

    left_out: str

    def container_settings(self, cpus: int) -> dict[str, Any]:
        """Leave one setting, or one bind, out."""
        settings = super().container_settings(cpus)
        if self.left_out in settings:
            del settings[self.left_out]
        settings["binds"] = [bind for bind in settings["binds"] if bind != self.left_out]
        return settings


def mutate_tier(tier: Tier, mutation: Mutation) -> Tier:
    """Give the tier that a mutation starts a workspace under."""
    if mutation.kind is not MutationKind.TIER:
        return tier
    values: dict[str, Any] = {field.name: getattr(tier, field.name) for field in fields(tier)}
    return MutatedTier(**values, left_out=mutation.change)
