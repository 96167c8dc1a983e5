"""The formats of the report: words for every kind of evidence and claim, ledger at two widths, LaTeX, trees."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click import unstyle
from rich.console import Console
from sympy import Rational, Symbol, sin, symbols

from derivations.core import Assumed, Certified, Cited, Exact, Level, Rate, Sampled, Simulation, Source, Symbolic
from derivations.discover import load
from derivations.relations import at_most, equal, exponent, limit_of, refuted, statement, tends_to
from verify.report.bibtex import source_entry
from verify.report.latex import derivation_fragment, escape
from verify.report.ledger import MARKS, draw_ledger, headline_words
from verify.report.notation import latex_of
from verify.report.pretty import derivation_lines, side_text
from verify.report.progress import RunProgress
from verify.report.tree import tree_lines
from verify.report.wording import claim_parts, evidence_words

SAMPLE = load(Path(__file__).parent / "samples" / "white_wishart.py")
x = Symbol("x", positive=True)


def step_row(name: str, verdict: str, detail: str = "", **more: object) -> dict[str, object]:
    """A step as the report holds it."""
    return {"name": name, "evidence": "symbolic", "verdict": verdict, "detail": detail, "seconds": 0.25, **more}


def report_of(*steps: Mapping[str, Any]) -> dict[str, Any]:
    """A report with one derivation of these steps."""
    verdicts = [step["verdict"] for step in steps]
    derivation = {
        "id": "lemmas.sample",
        "verdict": next((bad for bad in ("fails", "open") if bad in verdicts), "holds"),
        "strength": "symbolic",
        "rests_on": {"assumed": 2, "cited": 1},
        "steps": list(steps),
    }
    counts = {verdict: verdicts.count(verdict) for verdict in MARKS}
    return {"counts": counts, "derivations": [derivation], "level": "quick", "seed": 7}


def drawn(report: Mapping[str, Any], width: int) -> str:
    """The ledger at a given width, without colours."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    draw_ledger(console, report, rerun="./run")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 109, 110, 120, 200])
def test_the_ledger_shows_every_step_within_the_width(width: int) -> None:
    seen = "the difference reduces to zero and a sample of twelve points agrees to thirty digits"
    steps = [step_row(f"a_step_with_a_rather_long_name_{n}", verdict, seen) for n, verdict in enumerate(MARKS)]
    text = drawn(report_of(*steps), width)
    assert max(map(len, text.splitlines())) <= width
    squeezed = re.sub(r"\s+", "", text)
    for step in steps:
        assert str(step["name"])[:20] in squeezed
    assert squeezed.count(seen.replace(" ", "")) >= (len(steps) if width < 110 else 0)
    assert "seed 7" in text


def test_a_failing_step_shows_its_counterexample_and_how_to_see_it_again() -> None:
    text = drawn(report_of(step_row("wrong", "fails", "left 1, right 2", counterexample={"c": "1/2", "lam": "3"})), 100)
    assert "FAILS  lemmas.sample:wrong" in text
    assert "smallest counterexample: c = 1/2, lam = 3" in text
    assert "./run run lemmas.sample --level quick --seed 7" in text
    assert "not everything holds" in text


def test_an_open_step_is_no_success_and_a_granted_one_is() -> None:
    assert "not everything holds" in drawn(report_of(step_row("slow", "open", "timed out")), 100)
    assert "nothing fails, nothing is open" in drawn(report_of(step_row("given", "granted")), 100)


def test_errata_are_marked_and_counted() -> None:
    text = drawn(report_of(step_row("printed", "holds", erratum=True), step_row("other", "holds")), 100)
    assert "printed  ERRATUM" in text
    assert text.count("ERRATUM") == 1
    assert "1 of them an erratum" in text


def test_words_from_a_run_are_not_read_as_markup() -> None:
    assert "[1.17, 1.30] [bold]" in drawn(report_of(step_row("a", "holds", "interval [1.17, 1.30] [bold]")), 120)


def test_the_headline_always_has_both_parts() -> None:
    row = {"verdict": "holds", "strength": "simulation", "rests_on": {"assumed": 2, "cited": 1}}
    assert headline_words(row) == "holds (simulation), rests on 2 assumed + 1 cited"
    nothing = {"verdict": "holds", "strength": "exact", "rests_on": {"assumed": 0, "cited": 0}}
    assert headline_words(nothing) == "holds (exact), rests on nothing granted"


def test_progress_off_a_terminal_is_a_plain_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(["a:b", "a:c"]) as progress:
        progress.finished("a:b", "holds", 0.5)
        progress.finished("a:c", "not_attempted", 0.0)
    captured = capsys.readouterr()
    assert captured.err == "[1/2] holds  a:b  0.5 s\n[2/2] not attempted  a:c  0.0 s\n"
    assert captured.out == ""


def test_quiet_progress_says_nothing_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(["a:b"], quiet=True) as progress:
        progress.finished("a:b", "holds", 0.5)
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_is_one_line_that_leaves_nothing_behind() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True, color_system=None)
    with RunProgress(["a:b", "a:c", "a:d"], workers=1, console=console) as progress:
        progress.finished("a:b", "holds", 0.5)
        assert progress.live is not None
        progress.live.refresh()
    frames = file.getvalue().split("\r")
    assert "1/3 steps" in frames[-3]
    assert "a:c" in frames[-3]
    assert "a:d" not in frames[-3]
    assert all(frame.count("\n") <= 1 for frame in frames)
    assert file.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Assumed(), "assumed: a modelling choice"),
        (Cited("Gordon (1988), theorem A"), "Gordon (1988), theorem A"),
        (Symbolic(digits=40), "40 digits"),
        (Sampled(points=7), "7 points"),
        (Certified({x: (Rational(1, 10), 9)}), "x in [1/10, 9]"),
        (Certified({x: (2, 2)}), "x = 2"),
        (Exact(list), "exact numbers"),
        (Simulation("a:b", {x: 1}, "1/d", {"risk": 0.05}, (10, 20)), "risk within 5% at x = 1, sizes 10, 20"),
        (Rate("a:b", {x: 1}, (10, 20), level=Level.deep), "(level deep)"),
    ],
)
def test_every_kind_of_evidence_has_words(evidence: Any, expected: str) -> None:
    assert expected in evidence_words(evidence)


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        (equal(x, x + 1), "equation"),
        (at_most(x, 1), "inequality"),
        (limit_of(sin(x) / x, x, 0, 1), "limit"),
        (tends_to({"risk": x}), "convergence"),
        (exponent("gap", -1.1, -0.9), "exponent"),
        (refuted(at_most(x, 1), {x: 2}), "refuted"),
        (statement("words"), "statement"),
    ],
)
def test_every_kind_of_claim_comes_apart_without_being_evaluated(claim: Any, kind: str) -> None:
    parts = claim_parts(claim)
    assert parts.kind == kind
    if kind == "limit":
        assert str(parts.pairs[0][0]) == "Limit(sin(x)/x, x, 0, dir='+')"


def test_a_huge_side_is_shortened_and_says_so() -> None:
    large = sum((x + k) ** Rational(1, k) for k in range(2, 400))
    assert "--format json has all of them" in " ".join(side_text(large, 80).split())
    assert len(side_text(large, 80)) < 4000


def test_pretty_lines_stay_within_the_width() -> None:
    assert max(len(unstyle(line)) for line in derivation_lines(SAMPLE, 80)) <= 80


def test_a_claim_that_was_shown_before_is_named_only() -> None:
    lines = [unstyle(line) for line in derivation_lines(load("learning_regimes.initialisation"), 80)]
    assert sum(line.strip() == "dirichlet_energy" for line in lines) == 1
    assert "  claim     as in quick_relu" in lines


def test_a_formula_that_would_be_cut_in_many_pieces_is_plain_text() -> None:
    terms = symbols("wide_name_1:12")
    assert side_text(terms[0] / terms[1], 80).count("\n") == 2
    assert "↪" not in side_text(sum(1 / term for term in terms), 40)


def test_a_name_in_words_has_no_subscripts() -> None:
    assert side_text(Symbol("linear_share"), 80) == "linear_share"
    assert side_text(Symbol("psi_1"), 80) == "ψ₁"


def test_latex_is_balanced_and_escaped() -> None:
    text = derivation_fragment(SAMPLE)
    assert text.count(r"\begin{align*}") == text.count(r"\end{align*}") == 6
    assert text.count("{") == text.count("}")
    assert r"forgotten ridge" in text
    assert not re.search(r"(?<!\\)%", text.partition("\n")[2])
    assert escape("λ ≤ 50% of a_b & ‖x‖²") == r"$\lambda$ $\le$ 50\% of a\_b \& $\|$x$\|$$^2$"


def test_signs_of_two_characters_are_one_sign_in_latex() -> None:
    assert escape("||x|| <= 1 -> 0") == r"$\|$x$\|$ $\le$ 1 $\to$ 0"


def test_volume_and_pages_of_a_venue_are_fields_of_their_own() -> None:
    entry = source_entry(Source("key", ("A, B",), "T", 2022, venue="Journal of Things 75(4), 667-766"))
    for field in ("journal = {Journal of Things}", "volume = {75}", "number = {4}", "pages = {667--766}"):
        assert field in entry
    assert "journal = {Lecture notes}" in source_entry(Source("key", ("A, B",), "T", 2022, venue="Lecture notes"))


def test_names_of_several_letters_stay_one_name_in_latex() -> None:
    ridge, psi, width, letter = symbols("ridge psi1 standard_risk c")
    assert latex_of(ridge * psi * width * letter) == r"c \psi_{1} \mathrm{ridge} \mathrm{standard\,risk}"


def test_a_subtree_is_drawn_once() -> None:
    lines = list(tree_lines(SAMPLE))
    assert sum("fixed_point" in line for line in lines) == 1
    assert sum("drawn above" in line for line in lines) == 2


def test_bibtex_of_a_preprint_has_its_identifier() -> None:
    entry = source_entry(Source("key", ("Hassani, Hamed",), "The curse", 2022, arxiv="2201.05149"))
    assert entry.startswith("@misc{key,")
    assert "eprint = {2201.05149}" in entry
    assert "howpublished" not in entry
    assert entry.count("{") == entry.count("}")
