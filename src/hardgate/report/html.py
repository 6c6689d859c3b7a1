"""`report.html`: a run as one page that loads nothing, made from its `summary.json`.

The page's Content-Security-Policy names the hashes of its one script and its one style sheet, so
that nothing which an image wrote can run or be fetched, even if it were not escaped.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
See D28 in ARCHITECTURE.md.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardgate.model.observation import LookKind
from hardgate.model.tier import MIB_BYTES, NANO_PER_CPU
from hardgate.report.marks import mark_outcome_word, mark_state_word
from hardgate.report.summary_text import describe_probe_end, pick_best_reason, pick_remedy
from hardgate.text.plain import format_duration, strip_control_codes

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_FOLDER = Path(__file__).with_name("page")
MIN_BAR_PERCENT = 0.4
"""A step that took no time is still seen in the timeline."""
LOOK_SHADES = {
    LookKind.RUN.value: "run",
    LookKind.RERUN.value: "rerun",
    LookKind.CONTEXT.value: "context",
}

Summary = Mapping[str, Any]
Rows = list[tuple[str, str]]


def render_run_html(summary: Summary) -> str:
    """Write the page of a run; `summary` is redacted."""
    run = strip_json_control_codes(summary)
    return render_document(
        "run.html.j2",
        run,
        subject=f"run {run['id']}",
        ids={
            verdict["name"]: f"{verdict['kind']}-{verdict['name']}" for verdict in run["verdicts"]
        },
        unknown=group_unknown_verdicts(run),
        timeline=list(layout_timeline(run)),
        looks=layout_looks(run),
        provenance=list_provenance(run),
        settings=list_inspected_settings(run),
    )


def load_run_page() -> None:
    """Load what `render_run_html` needs, while nothing else is to be done: it takes 0.1 s."""
    _load_environment().get_template("run.html.j2")


def render_document(template: str, run: Summary, *, subject: str, **values: Any) -> str:
    """Write the page of a document with a `headline` and an `outcome`; `subject` names it."""
    return render_page(
        template,
        headline=run["headline"],
        title=f"{run['outcome'].upper()}: hardgate {subject}",
        outcome=run["outcome"],
        run=run,
        **values,
    )


def render_page(template: str, *, headline: str, title: str, outcome: str, **values: Any) -> str:
    """Fill in one of the templates in `page/`; the values are escaped as they are put in."""
    from markupsafe import Markup  # noqa: PLC0415 - see `_load_environment`

    style, script = _read_asset("style.css"), _read_asset("script.js")
    policy = (
        f"default-src 'none'; style-src '{_hash_asset(style)}'; "
        f"script-src '{_hash_asset(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        _load_environment()
        .get_template(template)
        .render(
            headline=headline,
            title=title,
            tone=mark_state_word(outcome).tone.colour.page_class,
            policy=policy,
            style=Markup(style),  # noqa: S704 - hardgate's own files
            script=Markup(script),  # noqa: S704
            **values,
        )
    )


def strip_json_control_codes(value: Any) -> Any:
    """Strip control codes from every string of a JSON value."""
    match value:
        case str():
            return strip_control_codes(value)
        case dict():
            return {key: strip_json_control_codes(held) for key, held in value.items()}
        case list() | tuple():
            return [strip_json_control_codes(item) for item in value]
        case _:
            return value


def group_unknown_verdicts(run: Summary) -> list[tuple[str, list[str]]]:
    """Group the names of the unknown verdicts by reason, but for the run's own problem."""
    groups: dict[str, list[str]] = {}
    for verdict in run["verdicts"]:
        if verdict["outcome"] == "error" and verdict["reason"] not in run["problem"]:
            groups.setdefault(verdict["reason"], []).append(verdict["name"])
    return list(groups.items())


def layout_timeline(run: Summary) -> Iterator[dict[str, Any]]:
    """Yield a bar for each step, its place and width in percent of the run."""
    whole = max(
        run["seconds"], *(step["began"] + step["seconds"] for step in run["timeline"]), 0.001
    )
    for step in run["timeline"]:
        width = max(100 * step["seconds"] / whole, MIN_BAR_PERCENT)
        left = min(max(100 * step["began"] / whole, 0), 100 - width)
        yield {**step, "left": round(left, 2), "width": round(width, 2)}


def layout_looks(run: Summary) -> dict[str, Any]:
    """Lay out when each promise was looked at: a row each, between the first and the last look."""
    looked = [verdict for verdict in run["verdicts"] if verdict.get("looks")]
    ends = [look["began"] + look["seconds"] for one in looked for look in one["looks"]]
    began = min((look["began"] for one in looked for look in one["looks"]), default=0.0)
    whole = max(max(ends, default=0.0) - began, 0.001)
    rows = [
        {
            "verdict": verdict,
            "seconds": sum(look["seconds"] for look in verdict["looks"]),
            "bars": [_layout_look(look, began, whole) for look in verdict["looks"]],
        }
        for verdict in sorted(looked, key=lambda one: float(one["looks"][0]["began"]))
    ]
    return {"rows": rows, "began": began, "ended": began + whole}


def _layout_look(look: Summary, began: float, whole: float) -> dict[str, Any]:
    width = max(100 * look["seconds"] / whole, MIN_BAR_PERCENT)
    left = min(max(100 * (look["began"] - began) / whole, 0), 100 - width)
    return {
        **look,
        "left": round(left, 2),
        "width": round(width, 2),
        "shade": LOOK_SHADES[look["kind"]],
    }


def list_provenance(run: Summary) -> Rows:
    """List what was verified, by what and where."""
    contract, image, host = run["contract"], run["image"] or {}, run["host"] or {}
    return [
        ("image", image.get("reference", "")),
        ("image digest", image.get("digest", "")),
        ("commit", image.get("source_commit", "")),
        (
            "contract",
            f"{contract['origin']} v{contract['version']}, {contract['count']} capabilities",
        ),
        ("contract sha256", contract["sha256"]),
        ("test host", host.get("name") or host.get("kind", "")),
        ("engine", host.get("engine", "")),
        ("kernel", host.get("kernel", "")),
        ("run", run["id"]),
        ("hardgate", run["hardgate"]),
    ]


def list_inspected_settings(run: Summary) -> Rows:
    """List the workspace's settings as the engine reported them; none where no engine did."""
    config = next(
        (
            verdict["facts"]["inspect"].get("HostConfig") or {}
            for verdict in run["verdicts"]
            if isinstance(verdict["facts"].get("inspect"), dict)
        ),
        {},
    )
    limits = [
        ("Memory", f"{config.get('Memory', 0) / MIB_BYTES:g} MiB" if config.get("Memory") else ""),
        ("CPUs", f"{config.get('NanoCpus', 0) / NANO_PER_CPU:g}" if config.get("NanoCpus") else ""),
    ]
    keys = ("NetworkMode", "PidMode", "Privileged", "ReadonlyRootfs")
    rows = limits + [(key, json.dumps(config[key])) for key in keys if key in config]
    lists = ("Binds", "Tmpfs", "CapAdd", "CapDrop", "SecurityOpt")
    return rows + [(key, json.dumps(config[key])) for key in lists if config.get(key)]


def join_discarded_output(verdict: Summary) -> str:
    """Join the output that the probe wrote where nothing reads it."""
    return "\n".join(entry["text"] for entry in verdict["diagnosis"]["discarded"] if entry["text"])


@cache
def _load_environment() -> "Environment":
    # Commands that write no page need not wait for jinja2.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(PAGE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters.update(
        best_reason=pick_best_reason,
        discarded=join_discarded_output,
        duration=format_duration,
        ending=describe_probe_end,
        mark_outcome=mark_outcome_word,
        mark_state=mark_state_word,
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str),
        remedy=pick_remedy,
    )
    return environment


@cache
def _read_asset(name: str) -> str:
    return (PAGE_FOLDER / name).read_text(encoding="utf-8")


def _hash_asset(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"
