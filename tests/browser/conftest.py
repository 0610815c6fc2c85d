"""One browser and one dashboard for all tests of this folder, and the checker of accessibility."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.house import House
from tests.browser.window import PACKAGES, Window, is_installed, window

INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", *PACKAGES)
INSTALL_S = 300.0

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
PICTURES = ROOT / "docs" / "images"
CHECKER = ROOT / ".clients" / "browser"
AXE = CHECKER / "node_modules" / "axe-core" / "axe.min.js"

WIDTH, HEIGHT = 1280, 800


Picture = Callable[[Window, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Seen only where this folder is named on the command line, as in `scripts/test tests/browser --pictures`."""
    parser.addoption("--pictures", action="store_true", help="take the pictures of the docs")


def absence() -> str:
    """Why no page can be driven; empty where one can."""
    if not is_installed() and os.geteuid() == 0 and shutil.which(INSTALL[0]) is not None:
        subprocess.run(INSTALL, check=False, timeout=INSTALL_S, stdout=subprocess.DEVNULL)
    return "" if is_installed() else f"there is no chromium on this machine: {' '.join(INSTALL)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skip that nobody sees is a test that nobody has."""
    if not is_installed():
        terminalreporter.write_line(f"the dashboard was not driven in a browser: {absence()}")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if why := absence():
        pytest.skip(why)
    with House(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_window(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with window(house.origin, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def stranger(shared_window: Window) -> Window:
    """A window in which nobody has signed in, and of which nothing is left of an earlier test."""
    shared_window.forbid_scripts(False)
    shared_window.open("/accrue/ui/signin")
    shared_window.script("localStorage.clear()")
    shared_window.sign_out()
    shared_window.look_like("light")
    shared_window.measure(WIDTH, HEIGHT)
    shared_window.complaints()
    return shared_window


@pytest.fixture
def operator(stranger: Window) -> Window:
    """A window in which an operator has signed in."""
    stranger.sign_in()
    return stranger


@pytest.fixture(scope="session")
def axe() -> str:
    """The checker's script, as it is pinned beside this file."""
    pins = FOLDER / "package-lock.json"
    installed = CHECKER / "installed"
    if not installed.exists() or installed.read_bytes() != pins.read_bytes():
        if shutil.which("npm") is None:
            pytest.skip("there is no npm on this machine to install axe-core by: apt-get install -y npm")
        CHECKER.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", pins.name):
            shutil.copy(FOLDER / name, CHECKER)
        command = ("npm", "ci", "--prefix", str(CHECKER), "--silent", "--no-audit", "--no-fund")
        subprocess.run(command, check=True, timeout=INSTALL_S)
        shutil.copy(pins, installed)
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def picture(pytestconfig: pytest.Config) -> Picture:
    """Takes one of the page as it stands, if they are asked for."""

    def take(operator: Window, name: str) -> None:
        if pytestconfig.getoption("pictures", default=False):
            PICTURES.mkdir(parents=True, exist_ok=True)
            operator.picture(PICTURES / f"dashboard-{name}.png", WIDTH, HEIGHT)

    return take
