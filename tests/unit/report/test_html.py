"""The page holds all of a run, loads nothing, and takes nothing of an image's for markup."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from hardgate.model.observation import Look, LookKind
from hardgate.model.run import StepSpan
from hardgate.model.verdict import Diagnosis
from hardgate.redaction import Redactor
from hardgate.report.formats import render_report
from hardgate.report.html import PAGE_FOLDER
from tests.unit import runs

HOSTILE = (
    "</pre></details><script>alert(1)</script><img src=x onerror=alert(2)>"
    '" onmouseover="alert(3)" {{ 7*7 }}{% include "x" %}'
)
MAX_SCRIPT_BYTES = 20_000
VOID = {"meta", "link", "input", "br", "rect"}


class Page(HTMLParser):
    """Reads a page, and refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in {"script", "style"}:
            self.text += data

    def attributes(self, name: str) -> Iterator[str]:
        yield from (attrs[name] or "" for _, attrs in self.tags if name in attrs)


def render(name: str = "red", **changes: Any) -> str:
    return render_report("html", runs.ALL[name](**changes), Redactor()).decode()


@pytest.mark.parametrize("name", runs.ALL)
def test_each_page_is_well_formed_and_holds_every_verdict_once(name: str) -> None:
    page = Page(render(name))
    ids = list(page.attributes("id"))
    assert len(ids) == len(set(ids))
    for verdict in runs.ALL[name]().verdicts:
        assert f"{verdict.kind.value}-{verdict.name}" in ids


@pytest.mark.parametrize("name", runs.ALL)
def test_each_link_leads_to_a_place_on_the_page(name: str) -> None:
    page = Page(render(name))
    links = [attrs["href"] or "" for tag, attrs in page.tags if tag == "a"]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(page.attributes("id"))


def test_what_costs_most_comes_first() -> None:
    text = Page(render()).text
    order = ["HARDGATE RED", "5 causes", "What to do:", "Capabilities", "Guards", "Provenance"]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)


def test_all_that_a_miss_showed_is_on_the_page() -> None:
    verdict = replace(
        runs.failed("agent_uid_1000", "no", stdout="an output", stderr="an error", hint="a hint"),
        diagnosis=Diagnosis(trace="+ id -u", note="a note", flaky=True),
    )
    text = Page(render(verdicts=(verdict,))).text
    for part in ("What agent_uid_1000 promises.", "Source: the platform's hand-book", "a hint"):
        assert part in text
    for part in ("an output", "an error", "+ id -u", "a note", "exit status 1", "flaky"):
        assert part in text


def test_provenance_names_image_contract_engine_kernel_and_settings() -> None:
    guard = runs.guard("workspace_settings_match_tier")
    facts = {"inspect": {"HostConfig": {"Memory": 4294967296, "NetworkMode": "host"}}}
    guard = replace(guard, observation=replace(guard.observation, facts=facts))
    text = Page(render("green", verdicts=(guard,))).text
    for part in (runs.IMAGE.digest, runs.CONTRACT.sha256, "26.1.5", runs.HOST.kernel, "4096 MiB"):
        assert part in text


def test_the_timeline_has_each_step_in_its_place() -> None:
    spans = (
        StepSpan(name="Build the image", began=0.0, seconds=50.0, held=True),
        StepSpan(name="Boot", began=75.0, seconds=25.0, held=False),
    )
    page = Page(render("green", timeline=spans, seconds=100.0))
    bars = [(attrs["x"], attrs["width"]) for tag, attrs in page.tags if tag == "rect"]
    assert bars == [("0.0%", "50.0%"), ("75.0%", "25.0%")]
    assert "Boot (failed)" in page.text


def hostile_page() -> str:
    verdict = replace(
        runs.failed("agent_uid_1000", HOSTILE, stdout=HOSTILE, stderr=HOSTILE, hint=HOSTILE),
        diagnosis=Diagnosis(trace=HOSTILE, note=HOSTILE),
    )
    guard = runs.guard("workspace_kept_running")
    guard = replace(guard, observation=replace(guard.observation, facts={HOSTILE: HOSTILE}))
    return render(
        verdicts=(verdict, guard), problem=HOSTILE, evidence=HOSTILE, remedy=HOSTILE,
        notices=(HOSTILE,), kept=(HOSTILE,),
        image=replace(runs.IMAGE, reference=HOSTILE, source_commit=HOSTILE),
    )  # fmt: skip


def test_nothing_of_an_image_is_markup() -> None:
    page, plain = Page(hostile_page()), Page(render())
    known = {(tag, name) for tag, attrs in plain.tags for name in attrs}
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags} | {"ul", "li"}
    assert {(tag, name) for tag, attrs in page.tags for name in attrs} <= known
    assert page.text.count("{{ 7*7 }}") > 10


def test_the_policy_allows_this_script_and_this_style_alone() -> None:
    text = hostile_page()
    policy = next(
        attrs["content"] or ""
        for tag, attrs in Page(text).tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_names_no_file_beside_it() -> None:
    page = Page(render())
    assert not list(page.attributes("src"))
    assert [href for tag, attrs in page.tags if tag == "link" and (href := attrs["href"])] == [
        "data:,"
    ]
    assert not list(page.attributes("style"))
    assert "url(" not in (PAGE_FOLDER / "style.css").read_text()


def test_the_script_is_small() -> None:
    assert (PAGE_FOLDER / "script.js").stat().st_size < MAX_SCRIPT_BYTES


def test_terminal_codes_of_an_image_are_not_on_the_page() -> None:
    verdict = runs.failed("agent_uid_1000", "\x1b[31mred\x1b[0m\x00", stdout="\x1b]0;title\x07out")
    text = render(verdicts=(verdict,))
    assert "\x1b" not in text
    assert "\x00" not in text
    assert json.dumps("red").strip('"') in text


def test_the_timeline_has_each_look_in_its_place() -> None:
    looks = (
        Look(kind=LookKind.RUN, began=10.0, seconds=1.0),
        Look(kind=LookKind.RERUN, began=11.0, seconds=3.0),
        Look(kind=LookKind.CONTEXT, began=14.0, seconds=1.0),
    )
    missed = runs.failed("agent_uid_1000", "no")
    later = runs.passed("agent_home_writable")
    late = (Look(kind=LookKind.RUN, began=18.0, seconds=2.0),)
    verdicts = (
        replace(later, observation=replace(later.observation, looks=late)),
        replace(missed, observation=replace(missed.observation, looks=looks)),
    )
    span = StepSpan(name="Run", began=0.0, seconds=20.0, held=True)
    page = Page(render(verdicts=verdicts, timeline=(span,), seconds=20.0))
    bars = [
        (attrs["class"], attrs["x"], attrs["width"])
        for tag, attrs in page.tags
        if tag == "rect" and "class" in attrs
    ]
    assert bars == [
        ("run", "0.0%", "10.0%"),
        ("rerun", "10.0%", "30.0%"),
        ("context", "40.0%", "10.0%"),
        ("run", "80.0%", "20.0%"),
    ]
    spoken = [attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg"]
    assert "run 1.00 s, second run 3.00 s, facts from outside 1.00 s" in spoken


def test_a_run_whose_looks_nobody_timed_has_steps_alone() -> None:
    span = StepSpan(name="Run", began=0.0, seconds=20.0, held=True)
    assert "Each look at a promise" not in Page(render("green", timeline=(span,))).text
