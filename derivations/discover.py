"""Files are derivations: ids come from paths, nothing is registered, nothing is imported until somebody loads it."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derivations.core import Derivation

ROOT = Path(__file__).resolve().parent
MOST_NAMED = 12
# Executed files from outside the repository, with their modification times: an edited one is read anew.
_outside: dict[str, tuple[Path, int]] = {}
_BINDING = re.compile(r"^theorem(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)*Derivation\(", re.MULTILINE)


class DerivationError(ValueError):
    """A file that is not a derivation, or that does not load; the message is one line."""


class UnknownDerivation(DerivationError):
    """No derivation has this id; the message names the nearest ones."""


def all_ids() -> list[str]:
    """The id of every derivation in the repository, sorted: files whose source binds `theorem = Derivation(`."""
    found = []
    for path in ROOT.rglob("*.py"):
        if _BINDING.search(path.read_text(encoding="utf-8")):
            found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return sorted(found)


def load(name: str | Path, /) -> Derivation:
    """The derivation with this id, or in this .py file (executed as a module that is named by the file's stem).

    Raises UnknownDerivation for an id that does not exist, DerivationError for a file that does not load or does not
    define exactly one `theorem`.
    """
    text = str(name)
    if text.endswith(".py"):
        return _load_file(Path(text))
    if not _is_id(text):
        raise UnknownDerivation(_not_an_id(text))
    return _theorem(_imported(f"derivations.{text}", text), text)


def _not_an_id(text: str) -> str:
    if Path(text).is_dir():
        return f"{text!r} is a folder; allowed is an id or a .py file"
    if Path(text).is_file():
        return f"{text!r} is a file whose name does not end in .py; allowed is an id or a .py file"
    return f"no derivation is called {text!r}; {_suggest(text)}"


def _is_id(text: str) -> bool:
    parts = text.split(".")
    path = ROOT.joinpath(*parts).with_suffix(".py") if all(part.isidentifier() for part in parts) else None
    return path is not None and path.is_file() and _BINDING.search(path.read_text(encoding="utf-8")) is not None


def load_all() -> list[Derivation]:
    """Every derivation of the repository, by id."""
    return [load(name) for name in all_ids()]


def locate(derivation: Derivation, /) -> str | None:
    """What `load` takes, in any process, to find `derivation` again; None when it was made outside a file."""
    module = sys.modules.get(derivation.module)
    name: str = derivation.id
    if module is None or getattr(module, "theorem", None) is not derivation:
        return None
    if derivation.module.startswith("derivations."):
        return name
    file = getattr(module, "__file__", None)
    return str(Path(file).resolve()) if file and Path(file).stem == derivation.module else None


def _load_file(path: Path) -> Derivation:
    path = path.expanduser().resolve()
    if path.is_relative_to(ROOT):
        return load(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if path.is_dir():
        raise UnknownDerivation(f"{path} is a folder; allowed is an id or a .py file")
    if not path.is_file():
        raise UnknownDerivation(f"there is no file {path}")
    name, version = path.stem, (path, path.stat().st_mtime_ns)
    if _outside.get(name) == version and name in sys.modules:
        return _theorem(sys.modules[name], path.name)
    if not name.isidentifier():
        raise DerivationError(f"{path.name}: the file's name must be a Python identifier, since it becomes the id")
    if name not in _outside and _is_taken(name, path):
        raise DerivationError(f"{path.name}: another module is already called {name!r}; rename the file")
    module = _executed(name, path)
    _outside[name] = version
    return _theorem(module, path.name)


def _is_taken(name: str, path: Path) -> bool:
    if name in sys.modules:
        return True
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin != str(path)


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DerivationError(f"{path.name} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        _outside.pop(name, None)
        raise DerivationError(f"{path.name} does not load: {describe_error(error)}") from error
    return module


def _imported(module: str, name: str) -> ModuleType:
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(module)
    except Exception as error:
        raise DerivationError(f"{name} does not load: {describe_error(error)}") from error


def _theorem(module: ModuleType, shown: str) -> Derivation:
    from derivations.core import Derivation

    own = {
        id(value): name
        for name, value in vars(module).items()
        if isinstance(value, Derivation) and value.module == module.__name__
    }
    theorem = getattr(module, "theorem", None)
    if len(own) != 1 or not isinstance(theorem, Derivation) or id(theorem) not in own:
        found = f"{len(own)} of them ({', '.join(own.values())})" if own else "none"
        raise DerivationError(
            f"{shown} must define exactly one derivation, `theorem = Derivation(__name__, ...)`; found {found}"
        )
    return theorem


def _suggest(text: str) -> str:
    ids = all_ids()
    by_last_part = {name.rpartition(".")[2]: name for name in ids}
    close = difflib.get_close_matches(text, ids, n=3, cutoff=0.5)
    last = text.rpartition(".")[2]
    close += [by_last_part[part] for part in difflib.get_close_matches(last, by_last_part, n=3, cutoff=0.6)]
    nearest = list(dict.fromkeys(close))[:3]
    if nearest:
        return f"did you mean {' or '.join(nearest)}?"
    if len(ids) > MOST_NAMED:
        return f"`list` names all {len(ids)}"
    return f"there are {', '.join(ids)}" if ids else "there are none"


def describe_error(error: BaseException, /) -> str:
    """The error in one line: its type, the first line of its message, and where it was raised."""
    lines = str(error).strip().splitlines()
    frames = traceback.extract_tb(error.__traceback__)
    # a SyntaxError's message has its place already
    told = isinstance(error, SyntaxError) or not frames
    place = "" if told else f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
    return (f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__) + place
