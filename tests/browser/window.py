"""A real Chromium as a person uses it: pages, what their consoles say, what a checker of accessibility finds.

It is Debian's, by its own driver: nothing is fetched when tests run. Chromium is told to reach loopback alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.admin.dashboard.browsing import KEY

BROWSER, DRIVER = "chromium", "chromedriver"
PACKAGES = ("chromium", "chromium-driver")

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root, as CI is, has none
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

WAIT_S = 10.0

Scheme = Literal["light", "dark"]

AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  found => done(found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.target.join(" ")).join("; ")}`)),
  error => done([String(error)]),
);
"""


def is_installed() -> bool:
    """Whether there is a browser, and what drives it."""
    return shutil.which(BROWSER) is not None and shutil.which(DRIVER) is not None


class Window:
    """One window."""

    def __init__(self, driver: webdriver.Chrome, origin: str) -> None:
        self._driver = driver
        self._origin = origin

    def open(self, path: str) -> None:
        """Follow an address of ours."""
        self._driver.get(self._origin + path)

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self._driver.current_url).removeprefix(self._origin)

    def sign_in(self) -> None:
        """By the form."""
        self.open("/accrue/")
        self.one("#key").send_keys(KEY)
        self.send("Sign in")

    def sign_out(self) -> None:
        """Forget all cookies."""
        self._driver.delete_all_cookies()

    def one(self, selector: str) -> WebElement:
        """The first element of these."""
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """All of these."""
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, label: str) -> None:
        """The visible button of this name."""
        buttons = [one for one in self.all("button") if one.is_displayed() and one.text.strip() == label]
        assert buttons, f"no button {label!r} on {self.path}"
        buttons[0].click()

    def send(self, label: str) -> None:
        """Press the button of this name, and wait for the page that comes of it."""
        before = self.script("return performance.timeOrigin")
        self.press(label)
        self.wait(f"performance.timeOrigin !== {before} && document.readyState === 'complete'")

    def text(self) -> str:
        """All that can be read."""
        return self.one("body").text

    def script(self, text: str, *given: object) -> Any:
        """What a script of the test's own returns; it needs no permission of the page."""
        return self._driver.execute_script(text, *given)

    def wait(self, what: str) -> None:
        """Until a script's expression is true."""
        WebDriverWait(self._driver, WAIT_S).until(lambda driver: driver.execute_script(f"return {what}"))

    def complaints(self) -> list[str]:
        """What the console said since it was last asked, but for hints to developers."""
        said = cast(list[Mapping[str, Any]], self._driver.get_log("browser"))  # type: ignore[no-untyped-call] # selenium has none for it
        return [f"{one['level']}: {one['message']}" for one in said if one["level"] in ("WARNING", "SEVERE")]

    def faults(self, axe: str) -> list[str]:
        """What the checker finds, given its script."""
        self._driver.execute_script(axe)
        return list(self._driver.execute_async_script(AXE))

    def look_like(self, scheme: Scheme) -> None:
        """As for who prefers light or dark."""
        self._command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def measure(self, width: int, height: int) -> None:
        """Make it so large."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._command("Emulation.setDeviceMetricsOverride", **size)

    def forbid_scripts(self, is_forbidden: bool) -> None:
        """As for who has JavaScript turned off; what a test runs is not of the page, and is not forbidden."""
        self._command("Emulation.setScriptExecutionDisabled", value=is_forbidden)

    def picture(self, file: Path, width: int, height: int) -> None:
        """Take one of the whole page."""
        self.measure(width, height)
        self.measure(width, max(height, int(self.script("return document.documentElement.scrollHeight"))))
        assert self._driver.save_screenshot(file)

    def _command(self, name: str, **given: object) -> None:
        self._driver.execute_cdp_cmd(name, given)


@contextmanager
def window(origin: str, folder: Path) -> Iterator[Window]:
    """A browser for as long as the block runs."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(BROWSER) or ""
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which(DRIVER)))
    try:
        yield Window(driver, origin)
    finally:
        driver.quit()
