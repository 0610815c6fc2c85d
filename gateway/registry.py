"""A family of extensions is the files of its package: adding one is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def family(package: ModuleType) -> dict[str, ModuleType]:
    """The members of a package by name, in alphabetical order.

    A package names in `SHARED` those of its files that are not members.
    """
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if info.name not in package.SHARED)
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
