"""Property: whatever the importer accepts, its graph computes what the module computes."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from spikewright.golden.errors import UnsupportedError
from support.importing import agreeing
from support.random_modules import RandomModule

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")

ALLOWED = (
    "what is pooled again or enlarged must be an activation's values",
    "a grouped convolution must have an activation before it is concatenated",
)
"""What a random module may ask for that is refused: pools of signed averages, and grouped layers of
a concatenation that are added to something of other parts."""


CHECKED = {HealthCheck.filter_too_much}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[h for h in HealthCheck if h not in CHECKED],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_modules(seed: int) -> None:
    module = RandomModule(seed)
    try:
        agreeing(module, module.shape, n=2, seed=seed % 1000, constant=True)
    except UnsupportedError as error:
        if error.must not in ALLOWED:
            raise
        assume(False)  # a refusal is no example: filter_too_much fails where they are too many
