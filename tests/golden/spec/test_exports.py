"""What golden.spec offers by name."""

from spikewright.golden import spec


def test_exports() -> None:
    assert set(spec.__all__) == {
        name
        for name, value in vars(spec).items()
        if not name.startswith("_") and type(value).__name__ != "module"
    }


def test_tokens() -> None:
    assert [kind.name for kind in spec.TokenKind] == ["SPIKE", "STEP", "END"]
    assert [int(kind) for kind in spec.TokenKind] == [0, 1, 2]
    assert [flag.name for flag in spec.EndFlag] == ["RESET", "KEEP"]
