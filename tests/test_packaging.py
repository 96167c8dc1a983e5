"""The lock, the metadata and the rule that an import may only point left."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import verify

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS = ("derivations", "numerics", "verify")
IMPORT_NAMES = {"python-flint": "flint"}
OPTIONAL_MODULES = {"cupy", "cupyx", "dask", "distributed"}
SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def locked() -> dict[str, tuple[str, int]]:
    """Name -> (version, number of hashes) of each entry of the lock."""
    entries: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"\n(?=\S)", LOCK.strip()):
        head = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", entry)
        assert head, f"not of the form name==version: {entry[:60]!r}"
        name = canonicalize_name(head[1])
        assert name not in entries, f"{name} is locked twice, so results depend on the Python version"
        entries[name] = (head[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
    return entries


def declared() -> list[str]:
    """Every requirement that ./run installs: core, groups and build back end."""
    groups = [requirement for group in PROJECT["dependency-groups"].values() for requirement in group]
    return [*PROJECT["project"]["dependencies"], *groups, *PROJECT["build-system"]["requires"]]


def imported(tree: ast.AST, package: str, /) -> Iterator[str]:
    """Dotted names that a module imports, anywhere in it, relative and dynamic imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in {"import_module", "__import__"}:
                yield str(node.args[0].value)


def violations(source: str, path: Path, /) -> list[str]:
    """Imports of one file that break the import rule; `path` is relative to the checkout."""
    layer = path.parts[0]
    core = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    third_party = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in core} | OPTIONAL_MODULES
    if layer == "derivations":
        third_party = {"sympy", "mpmath"}
    if path != Path("numerics/lab.py"):
        third_party -= {"cupy", "cupyx"}
    allowed = set(LAYERS[: LAYERS.index(layer) + 1]) | third_party | sys.stdlib_module_names
    names = imported(ast.parse(source), ".".join(path.parts[:-1]))
    return [name for name in names if name.split(".")[0] not in allowed]


def test_every_locked_package_has_hashes():
    assert [name for name, (_, hashes) in locked().items() if hashes == 0] == []


def test_lock_names_no_place_to_download_from():
    assert not re.search(r"://|@|^\s*-[a-z]|^\s*--(?!hash=)", LOCK, re.MULTILINE)


@pytest.mark.parametrize("text", declared())
def test_lock_satisfies_each_declared_requirement(text):
    requirement = Requirement(text)
    version, _ = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_mpmath_stays_below_the_release_that_breaks_sympy():
    assert locked()["mpmath"][0].startswith("1.3")


def test_extras_are_only_the_two_gpu_builds_and_distribution():
    assert set(PROJECT["project"]["optional-dependencies"]) == {"gpu12", "gpu13", "dist"}


def test_verify_is_the_one_of_this_checkout():
    assert Path(verify.__file__).resolve().is_relative_to(ROOT)


def test_importing_derivations_loads_no_array_library():
    code = "import sys, derivations; print(*{'numpy', 'scipy', 'numerics', 'verify'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_point_left(path):
    assert violations(path.read_text(), path.relative_to(ROOT)) == []


def test_enclosures_stand_on_derivations_and_themselves():
    for path in sorted((ROOT / "numerics" / "enclosures").glob("*.py")):
        ours = [name for name in imported(ast.parse(path.read_text()), "numerics.enclosures") if "numerics" in name]
        assert [name for name in ours if not name.startswith("numerics.enclosures")] == []


def test_solvers_and_simulations_do_without_proofs():
    for path in sorted((ROOT / "numerics").glob("*.py")):
        names = set(imported(ast.parse(path.read_text()), "numerics"))
        assert [name for name in names if name.startswith(("numerics.enclosures", "numerics.proofs"))] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("derivations/core.py", "import numpy"),
        ("derivations/core.py", "import flint"),
        ("derivations/lemmas/gaussian.py", "from numerics import solve"),
        ("derivations/lemmas/gaussian.py", "def f():\n    import scipy.special"),
        ("numerics/solver.py", "from verify.kernel import run"),
        ("numerics/solver.py", "import cupy"),
        ("numerics/solver.py", "import importlib\nimportlib.import_module('cupy')"),
        ("numerics/solver.py", "from ..verify import kernel"),
        ("verify/sweep.py", "import pandas"),
    ],
)
def test_import_rule_catches(path, source):
    assert len(violations(source, Path(path))) == 1


def test_import_rule_lets_through_what_is_allowed():
    source = "from . import core\nfrom .lemmas import gaussian\nimport sympy, math\nfrom mpmath import mp"
    assert violations(source, Path("derivations/random_features.py")) == []
    assert violations("import cupy, numpy, flint\nfrom derivations.core import Step", Path("numerics/lab.py")) == []
