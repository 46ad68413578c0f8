"""Load a user's network: ``file.py:function`` and its weights; nothing is ever unpickled."""

import importlib.util
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from spikewright.golden.errors import ConfigurationError, FileError, ToolError, UnsupportedError

__all__ = ["load_module", "load_weights"]

INSTALLS = {
    "snntorch": "'spikewright[snntorch]'",
    "spikingjelly": "'spikewright[spikingjelly]'",
    # Its own dependencies ask for a nir that is too old.
    "sinabs": "--no-deps 'sinabs>=3.1,<4' pbr nirtorch",
}
"""Frameworks, and what pip is told to install."""


def load_module(source: str, weights: Path | None = None) -> torch.nn.Module:
    """Call ``function`` of ``file.py`` (``source`` is ``file.py:function``), then load weights.

    The function takes no arguments and returns a torch.nn.Module. The module is returned in
    evaluation mode.
    """
    path_text, separator, name = source.rpartition(":")
    if not separator or not path_text or not name.isidentifier():
        raise ConfigurationError(
            "the source must be FILE.py:FUNCTION",
            found=repr(source),
            action="for example network.py:make",
        )
    path = Path(path_text)
    if not path.is_file():
        raise FileError("the source file must exist", found="no such file", where=str(path))
    scope = _execute(path)
    function = getattr(scope, name, None)
    if not callable(function):
        offered = sorted(
            key
            for key, value in vars(scope).items()
            if callable(value) and getattr(value, "__module__", None) == scope.__name__
        )
        raise ConfigurationError(
            f"the file must define a function named {name}",
            found=", ".join(offered) or "no function",
            where=str(path),
        )
    try:
        module = function()
    except Exception as error:  # whatever a user's own code raises is the user's to read
        raise ConfigurationError(
            f"{name}() must return a module",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            action="it is called without arguments",
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ConfigurationError(
            f"{name}() must return a torch.nn.Module",
            found=type(module).__name__,
            where=str(path),
        )
    if weights is not None:
        load_weights(module, weights)
    return module.eval()


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Fill ``module`` from safetensors, or from a torch checkpoint read with weights_only."""
    if not path.is_file():
        raise FileError("the weights file must exist", found="no such file", where=str(path))
    state = _read_state(path)
    expected = module.state_dict()
    missing = sorted(set(expected) - set(state))
    surplus = sorted(set(state) - set(expected))
    if missing or surplus:
        raise FileError(
            "the weights must have exactly the module's names",
            found=f"missing {_listing(missing)}; not in the module {_listing(surplus)}",
            where=str(path),
        )
    for key, value in expected.items():
        if state[key].shape != value.shape:
            raise FileError(
                f"{key} must have shape {list(value.shape)}",
                found=str(list(state[key].shape)),
                where=str(path),
            )
    module.load_state_dict(dict(state))


def _execute(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"spikewright_source_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise FileError(
            "the source must be a Python file", found=path.suffix or "no suffix", where=str(path)
        )
    scope = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(scope)
    except ModuleNotFoundError as error:
        if error.name not in INSTALLS:
            raise _failed(error, path) from error
        raise ToolError(
            f"{error.name} must be installed, whose neurons the network has",
            found="no such package",
            where=str(path),
            action=f"run: pip install {INSTALLS[error.name]}",
        ) from error
    except Exception as error:  # as above: the user's own code
        raise _failed(error, path) from error
    return scope


def _failed(error: Exception, path: Path) -> ConfigurationError:
    return ConfigurationError(
        "the source file must run without an error",
        found=f"{type(error).__name__}: {error}",
        where=str(path),
    )


def _read_state(path: Path) -> Mapping[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise FileError(
                "the weights must be a whole safetensors file", found=str(error), where=str(path)
            ) from error
    if not zipfile.is_zipfile(path):  # the old format would be parsed byte by byte
        raise FileError(
            "the weights must be a safetensors file or a torch checkpoint",
            found="another or a damaged file",
            where=str(path),
            action="name the first *.safetensors; write the second with torch.save",
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsupportedError(
            "a checkpoint must hold tensors only",
            found="other Python objects (they are never unpickled)",
            where=str(path),
            action="save module.state_dict() or a safetensors file",
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise FileError(
            "the weights must be a safetensors file or a torch checkpoint",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            where=str(path),
        ) from error
    if isinstance(state, Mapping):
        for key in ("state_dict", "model_state_dict", "model"):
            inner = state.get(key)
            if isinstance(inner, Mapping):
                state = inner
                break
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise FileError(
            "a checkpoint must hold a state dictionary (name: tensor)",
            found=type(state).__name__,
            where=str(path),
            action="save module.state_dict()",
        )
    return state


def _listing(names: list[str], most: int = 4) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
