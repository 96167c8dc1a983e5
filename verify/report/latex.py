"""A derivation as a LaTeX fragment, to be input in a document that loads amsmath."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from verify.report.notation import latex_of
from verify.report.wording import claim_parts, evidence_words

if TYPE_CHECKING:
    from sympy import Basic

    from derivations.core import Derivation, Step
    from derivations.relations import Relation

SIGNS = {"=": "=", "≤": r"\le", "<": "<", "→": r"\to", "~": r"\sim"}
SIGNS_OF_TWO = {"||": "‖", "<=": "≤", ">=": "≥", "->": "→"}
ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "‖": r"$\|$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "²": r"$^2$",
    "√": r"$\surd$",
    "·": r"$\cdot$",
    "—": "---",
    "–": "--",
}


def derivation_fragment(derivation: Derivation, /) -> str:
    """The statement and every step."""
    blocks = [
        "% needs \\usepackage{amsmath}",
        f"\\section*{{{escape(derivation.title)}}}",
        escape(derivation.statement),
        f"Source: {escape(str(derivation.source))}, \\emph{{{escape(derivation.source.title)}}}.",
        *(step_fragment(step) for step in derivation.steps.values()),
    ]
    return "\n\n".join(blocks)


def step_fragment(step: Step, /) -> str:
    """One step: name, reason, the claim as a display, evidence."""
    parts = claim_parts(step.claim)
    lines = [f"\\paragraph{{{escape(step.name.replace('_', ' '))}.}}", escape(step.reason)]
    displays = [rf"{_side(before)} &{SIGNS[sign]} {_side(after)}" for before, sign, after in parts.pairs]
    if displays:
        lines += ["\\begin{align*}", " \\\\\n".join(displays), "\\end{align*}"]
    if parts.given:
        lines.append(f"Given {', '.join(f'${_condition(condition)}$' for condition in parts.given)}.")
    if parts.note:
        lines.append(escape(parts.note[:1].upper() + parts.note[1:].rstrip(".") + "."))
    lines.append(f"\\emph{{Evidence: {escape('; '.join(map(evidence_words, step.evidence)))}.}}")
    return "\n".join(lines)


def escape(text: str, /) -> str:
    """Plain text for LaTeX: special characters escaped, Greek letters and common signs in mathematics mode."""
    for typed, sign in SIGNS_OF_TWO.items():
        text = text.replace(typed, sign)
    return "".join(_character(character) for character in text)


def _character(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words and "WITH" not in words:
        name = words[-1].lower().replace("lamda", "lambda")
        return f"$\\{name.capitalize() if words[1] == 'CAPITAL' else name}$"
    return character


def _condition(condition: Relation) -> str:
    sign = SIGNS["≤" if condition.kind == "<=" else condition.kind]
    return f"{_side(condition.lhs)} {sign} {_side(condition.rhs)}"


def _side(side: Basic | str) -> str:
    return f"\\text{{{escape(side)}}}" if isinstance(side, str) else latex_of(side)
