"""Packages that only some tests need, and that a set-up does not install."""

import importlib
import os

import pytest

__all__ = ["needs"]


def needs(name, module=None):
    """A framework's package; without it a failure in CI, and a skip that names it elsewhere."""
    try:
        return importlib.import_module(module or name)
    except ModuleNotFoundError:
        reason = f"{name} is not installed: make frameworks"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)
