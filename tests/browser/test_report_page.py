"""The page of a run in a real browser: what its reader sees, clicks and pastes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from hardgate.model.observation import Look, LookKind
from hardgate.model.run import Run, StepSpan
from hardgate.model.verdict import Outcome
from hardgate.redaction import Redactor
from hardgate.report.formats import render_report
from tests.unit import runs

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("browser")]

HOSTILE = "</pre><script>document.title='owned'</script><img src='http://192.0.2.1/x'>"
SPANS = (
    StepSpan(name="Build the image", began=0, seconds=12.3, held=True),
    StepSpan(name="Run the probes", began=13, seconds=1.5, held=False),
)


def twenty_misses() -> Run:
    names = [f"capability_{number}" for number in range(20)]
    contract = replace(runs.CONTRACT, capabilities=tuple(map(runs.capability, names)))
    plan = replace(runs.PLAN, contract=contract, capabilities=contract.capabilities)
    misses = [runs.failed(name, HOSTILE, stdout=HOSTILE, hint="x") for name in names]
    return runs.red(plan=plan, verdicts=tuple(misses), evidence=HOSTILE, problem=HOSTILE)


def one_miss() -> Run:
    miss = runs.failed("agent_home_writable", "mkdir: no", hint="Make it.")
    verdicts = (miss if one.name == miss.name else one for one in runs.green().verdicts)
    return runs.red(verdicts=tuple(verdicts))


def no_engine() -> Run:
    problem = "No engine answers."
    verdicts = [replace(verdict, reason=problem) for verdict in runs.build_failed().verdicts]
    return runs.build_failed(
        problem=problem, remedy="Start it.", evidence="", steps={}, verdicts=tuple(verdicts)
    )


def with_looks() -> Run:
    """Give a run of which every look was timed; each probe had a second one."""
    verdicts = []
    for number, verdict in enumerate(runs.red().verdicts):
        looks = tuple(
            Look(kind=kind, began=13.0 + number / 10 + part / 40, seconds=0.02)
            for part, kind in enumerate(LookKind)
        )
        seen = replace(verdict.observation, looks=looks)
        verdicts.append(replace(verdict, observation=seen))
    return runs.red(verdicts=tuple(verdicts))


PAGES = {
    "green": runs.green,
    "one miss": one_miss,
    "all kinds": runs.red,
    "looks": with_looks,
    "twenty misses": twenty_misses,
    "failed build": runs.build_failed,
    "no engine": no_engine,
    "partial": runs.partial,
    "host": runs.host,
}


def open_page(browser: Chrome, folder: Path, run: Run, fragment: str = "") -> str:
    file = folder / "report.html"
    file.write_bytes(render_report("html", replace(run, timeline=SPANS), Redactor()))
    browser.get("about:blank")
    browser.get_log("performance")  # type: ignore[no-untyped-call]
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(f"{file.as_uri()}{fragment}")
    return file.as_uri()


def rows(browser: Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, "details.row")


def list_requests(browser: Chrome) -> Iterator[str]:
    for entry in browser.get_log("performance"):  # type: ignore[no-untyped-call]
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(
    name: str, scheme: str, browser: Chrome, axe: str, tmp_path: Path
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    open_page(browser, tmp_path, PAGES[name]())
    browser.find_element(By.ID, "open").click()
    browser.execute_script(axe)
    told: dict[str, Any] = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(done, error => done({error: String(error)}))"
    )
    assert [(one["id"], one["nodes"][0]["html"]) for one in told["violations"]] == []
    assert len(told["passes"]) > 10


@pytest.mark.parametrize("name", ["green", "twenty misses"])
def test_the_page_fetches_nothing_and_reports_no_error(
    name: str, browser: Chrome, tmp_path: Path
) -> None:
    address = open_page(browser, tmp_path, PAGES[name]())
    browser.find_element(By.ID, "open").click()
    fetched = [url for url in list_requests(browser) if url != "data:,"]
    assert fetched == [address]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_log_of_requests_sees_one_that_is_made(browser: Chrome, tmp_path: Path) -> None:
    file = tmp_path / "other.html"
    file.write_text("<img src='beside.png'>")
    browser.get(file.as_uri())
    assert any(url.endswith("/beside.png") for url in list_requests(browser))


def test_hostile_output_is_text(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, twenty_misses())
    assert browser.title.startswith("RED")
    assert browser.find_elements(By.TAG_NAME, "img") == []
    browser.find_element(By.ID, "open").click()
    assert HOSTILE in browser.find_element(By.TAG_NAME, "main").text


def test_even_unescaped_a_script_would_not_run(browser: Chrome, tmp_path: Path) -> None:
    page = render_report("html", runs.red(), Redactor()).decode()
    file = tmp_path / "forged.html"
    script = "<script>document.title = 'owned'</script><p onclick='document.title=1' id='p'>x</p>"
    file.write_text(page.replace("</main>", f"{script}</main>"))
    browser.get(file.as_uri())
    browser.find_element(By.ID, "p").click()
    assert browser.title.startswith("RED")


def test_the_verdict_and_the_first_cause_stand_on_the_first_screen(
    browser: Chrome, tmp_path: Path
) -> None:
    for run in (one_miss(), twenty_misses(), runs.red()):
        open_page(browser, tmp_path, run)
        height = browser.execute_script("return innerHeight")
        first = browser.find_element(By.CSS_SELECTOR, ".cause h3, .cause h2")
        assert first.location["y"] + first.size["height"] < height


def test_a_pasted_link_opens_what_it_names(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, runs.red(), "#capability-list_peers_http_200")
    [opened] = [row for row in rows(browser) if row.get_attribute("open")]
    assert opened.get_attribute("id") == "capability-list_peers_http_200"
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", opened)
    assert 0 <= top < 300


def test_a_link_of_a_cause_shows_also_what_the_filter_hides(
    browser: Chrome, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, runs.red())
    browser.find_element(By.CSS_SELECTOR, "input[value=pass]").click()
    target = browser.find_element(By.ID, "capability-agent_home_writable")
    assert not target.is_displayed()
    browser.find_element(By.LINK_TEXT, "agent_home_writable").click()
    assert target.is_displayed()
    assert target.get_attribute("open")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_filter_shows_one_outcome(outcome: Outcome, browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, runs.red())
    browser.find_element(By.CSS_SELECTOR, f"input[value={outcome.value}]").click()
    shown = {row.get_attribute("data-outcome") for row in rows(browser) if row.is_displayed()}
    assert shown == {outcome.value}
    told = [one.outcome for one in runs.red().verdicts]
    count = browser.find_element(By.ID, "count").text
    assert count == f"{told.count(outcome)} of {len(told)} shown"


def test_the_search_looks_inside_what_is_folded(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, runs.red())
    browser.find_element(By.ID, "search").send_keys("DOCKER VERSION")
    shown = [row.get_attribute("id") for row in rows(browser) if row.is_displayed()]
    assert shown == ["capability-docker_socket_reachable"]


def test_the_keyboard_alone_reaches_and_opens_a_verdict(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, one_miss())
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the verdicts"
    for _ in range(20):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.switch_to.active_element.tag_name == "summary":
            break
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert [row for row in rows(browser) if row.get_attribute("open")]


def test_print_opens_everything(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, one_miss())
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert all(row.get_attribute("open") for row in rows(browser))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element(By.ID, "filter").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_narrow_window_scrolls_in_one_direction(browser: Chrome, tmp_path: Path) -> None:
    browser.set_window_size(500, 900)
    try:
        open_page(browser, tmp_path, runs.red())
        browser.find_element(By.ID, "open").click()
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.set_window_size(1100, 900)
