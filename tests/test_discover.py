"""Files are derivations: ids from paths, loading by id or by path, and one clear line for everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from derivations.core import Derivation
from derivations.discover import ROOT, DerivationError, UnknownDerivation, all_ids, load, locate

HEAD = "from derivations.core import Derivation, Source\n"
THEOREM = 'theorem = Derivation(__name__, title="T", source=Source("k", ("A, B.",), "T", 2000))\n'


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_are_dotted_paths_of_the_files_that_bind_a_theorem() -> None:
    ids = all_ids()
    assert ids == sorted(set(ids))
    assert "lemmas.marchenko_pastur" in ids
    assert "core" not in ids
    for name in ids:
        assert (ROOT / Path(*name.split("."))).with_suffix(".py").is_file()


def test_listing_the_ids_imports_nothing_heavy() -> None:
    code = "import sys; from derivations.discover import all_ids; all_ids(); print('sympy' in sys.modules)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert seen.stdout.strip() == "False"


def test_a_derivation_is_found_by_id_and_by_its_path_and_is_one_object() -> None:
    derivation = load("lemmas.marchenko_pastur")
    assert derivation.id == "lemmas.marchenko_pastur"
    assert load(ROOT / "lemmas" / "marchenko_pastur.py") is derivation
    assert locate(derivation) == "lemmas.marchenko_pastur"


def test_a_file_outside_the_repository_is_loaded_once_under_its_stem(tmp_path: Path) -> None:
    path = write(tmp_path, "planted_theorem.py", '"""A statement."""\n' + HEAD + THEOREM)
    derivation = load(path)
    assert (derivation.id, derivation.statement) == ("planted_theorem", "A statement.")
    assert load(str(path)) is derivation
    assert load(write(tmp_path, "planted_theorem.py", '"""Another."""\n' + HEAD + THEOREM)).statement == "Another."
    derivation = load(path)
    assert locate(derivation) == str(path)
    assert locate(Derivation("nowhere", title="N", source=derivation.source)) is None


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("lemmas.gausian", "lemmas.gaussian"),
        ("marchenko_pastur", "lemmas.marchenko_pastur"),
        ("core", ""),
        ("../x", ""),
    ],
)
def test_an_unknown_id_gets_the_nearest_ones(name: str, suggestion: str) -> None:
    with pytest.raises(UnknownDerivation) as caught:
        load(name)
    assert repr(name) in str(caught.value)
    assert suggestion in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("planted_empty.py", "x = 1\n", "found none"),
        ("planted_other_name.py", HEAD + THEOREM.replace("theorem", "lemma"), "found 1 of them (lemma)"),
        ("planted_two.py", HEAD + THEOREM + THEOREM.replace("theorem", "second"), "found 2 of them (theorem, second)"),
        ("planted_imported.py", "from derivations.lemmas.marchenko_pastur import theorem\n", "found none"),
        (
            "planted_broken.py",
            "x = 1\ny = undefined\n",
            "NameError: name 'undefined' is not defined (planted_broken.py, line 2)",
        ),
        ("planted_syntax.py", "x = = 1\n", "planted_syntax.py does not load: SyntaxError"),
        ("json.py", HEAD + THEOREM, "another module is already called 'json'"),
        ("wave.py", HEAD + THEOREM, "another module is already called 'wave'"),
        ("not-a-name.py", HEAD + THEOREM, "must be a Python identifier"),
    ],
)
def test_a_file_that_is_no_derivation_is_refused_in_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(DerivationError) as caught:
        load(write(tmp_path, name, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownDerivation, match="there is no file"):
        load(tmp_path / "nothing.py")
