"""A family of extensions is the files of its package: adding one is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def family(package: ModuleType) -> dict[str, ModuleType]:
    """Modules of a package by name, in alphabetical order, without `base`."""
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "base")
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
