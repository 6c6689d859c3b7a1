"""Pages of sessions, hosts, fleets and histories in a real browser; a fleet at 200 images."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from hardgate.remote.fleet.report_json import summarize_fleet
from hardgate.report.history import render_history_html
from hardgate.report.pages import render_fleet_html, render_host_html, render_session_html
from tests.unit import fleets, runs
from tests.unit.report.test_history import FLAKY, HELD, MISSED, summaries
from tests.unit.report.test_pages import answer, fleet_document, host_document

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("browser")]


def large_fleet() -> dict[str, Any]:
    """200 images on three hosts: most are green, some stale, red or lost."""
    kinds = (
        *[(fleets.WANTED, runs.green)] * 16,
        (fleets.older(), runs.green),
        (fleets.WANTED, runs.red),
    )
    standings = []
    for number in range(200):
        contract, run = kinds[number % len(kinds)]
        about = fleets.image(f"team-{number % 7}/app-{number:03}:1", contract, ["alpha", "beta"])
        standings += [fleets.standing(about, host, run()) for host in ("alpha", "beta")]
    summary = summarize_fleet(fleets.fleet(*standings, hosts=["alpha", "beta", "idle"]))
    return dict(json.loads(json.dumps(summary)))


PAGES: Mapping[str, Callable[[], str]] = {
    "session": lambda: render_session_html(answer()),
    "host": lambda: render_host_html(host_document()),
    "fleet": lambda: render_fleet_html(fleet_document(fleets.mixed())),
    "large fleet": lambda: render_fleet_html(large_fleet()),
    "history": lambda: render_history_html(summaries([HELD, MISSED, FLAKY, HELD])),
}


def open_page(browser: Chrome, folder: Path, text: str) -> None:
    file = folder / "report.html"
    file.write_text(text)
    browser.get(file.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(
    name: str, scheme: str, browser: Chrome, axe: str, tmp_path: Path
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    open_page(browser, tmp_path, PAGES[name]())
    if name != "large fleet":
        browser.find_element(By.ID, "open").click()
    browser.execute_script(axe)
    told: dict[str, Any] = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(done, error => done({error: String(error)}))"
    )
    assert [(one["id"], one["nodes"][0]["html"]) for one in told["violations"]] == []


def test_a_fleet_of_200_images_shows_what_is_stale_first_and_fits_its_window(
    browser: Chrome, tmp_path: Path
) -> None:
    open_page(browser, tmp_path, PAGES["large fleet"]())
    rows = browser.find_elements(By.CSS_SELECTOR, ".matrix tbody tr")
    assert len(rows) == 200
    assert [row.get_attribute("data-outcome") for row in rows[:11]] == ["stale"] * 11
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    browser.find_element(By.CSS_SELECTOR, "input[value=fail]").click()
    assert {row.get_attribute("data-outcome") for row in rows if row.is_displayed()} == {"fail"}


def test_a_cell_of_the_matrix_opens_what_it_stands_for(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, PAGES["fleet"]())
    browser.find_element(By.CSS_SELECTOR, ".matrix a[aria-label$='on beta: red']").click()
    [opened] = browser.find_elements(By.CSS_SELECTOR, "details[open]")
    assert "app:1" in opened.text
    assert "beta" in opened.text


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_window_scrolls_in_one_direction(
    name: str, browser: Chrome, tmp_path: Path
) -> None:
    size = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        open_page(browser, tmp_path, PAGES[name]())
        assert browser.execute_script("return document.documentElement.scrollWidth <= 400")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_fleets_count_is_of_images_on_hosts_not_of_rows(browser: Chrome, tmp_path: Path) -> None:
    open_page(browser, tmp_path, PAGES["large fleet"]())
    assert browser.find_element(By.ID, "count").text == "400 of 400 shown"
