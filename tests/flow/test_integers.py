"""Projects of networks that were integers all along."""

import json

import pytest

from spikewright.flow.integers import Integers
from spikewright.golden.errors import FileError


def test_it_comes_back(tmp_path):
    assert not Integers.is_in(tmp_path)
    Integers(origin="built by hand").save(tmp_path)
    assert Integers.is_in(tmp_path)
    assert Integers.load(tmp_path) == Integers(origin="built by hand")


def test_another_schema_is_refused(tmp_path):
    (tmp_path / "integers.json").write_text(json.dumps({"schema": 2, "origin": "x"}))
    with pytest.raises(FileError) as error:
        Integers.load(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 'integers.json'}: the file must have schema 1 and an origin, and nothing "
        "else, found schema 2, origin 'x'; convert the network again"
    )
