"""One headless Chromium for all tests here; a page is a file, as a reviewer opens it."""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
)


def find_program(*names: str) -> str:
    """Find a program of the browser; there is no test without it."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found, f"None of {names} is here: install Debian's chromium and chromium-driver."
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """Start the browser with an empty profile, and a log of all that it fetches."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = find_program(*BROWSERS)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = webdriver.Chrome(options, Service(find_program("chromedriver")))
        driver.set_script_timeout(150)
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fetch axe-core by npm, as a test's tool alone."""
    folder: Path = tmp_path_factory.mktemp("axe")
    npm = find_program("npm")
    subprocess.run([npm, "pack", "--silent", "axe-core@4"], cwd=folder, check=True)
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as package:
        script = package.extractfile("package/axe.min.js")
        assert script
        return script.read().decode()
