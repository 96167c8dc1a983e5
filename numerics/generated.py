"""Generated source as a module, cached per user: written once for each model and set of versions, then read back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sympy import srepr

from derivations.model import Branch, Model, Refusal
from numerics.cache import cache_folder, read_text, write_text
from numerics.codegen import source

GENERATOR = ("codegen.py", "printers.py", "sharing.py")
"""The files that decide what is written: their content is part of the key."""


@dataclass(frozen=True)
class Generated:
    """Compiled generated code, with the text it came from."""

    text: str
    functions: dict[str, Any] = field(repr=False)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the source text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def call(self, name: str, xp: Any, special: Any, values: Mapping[str, Any], /) -> Any:
        """Call a generated function with exactly the named values that it declares."""
        function = self.functions[name]
        names = function.__code__.co_varnames[2 : function.__code__.co_argcount]
        return function(xp, special, *(values[key] for key in names))


@cache
def load_source(model: Model, title: str = "", /, *, target: str = "arrays") -> Generated:
    """The model's generated code for `target` ("arrays" or "mpmath"), from the cache when it is there.

    The cache is keyed by the model's content, the version of SymPy and the generator's own text. A cache that cannot be
    read or written is not an error: the code is then generated again. Within a process the model object is enough, as
    hashing its content takes 30 ms.
    """
    key = _content_key(model, title, target)
    path = cache_folder() / "generated" / f"{key}.py"
    text = read_text(path, key)
    if text is None:
        text = source(model, title=title, target=target)
        write_text(path, key, text)
    functions: dict[str, Any] = {}
    exec(compile(text, f"<generated {title}>", "exec"), functions)  # our own text: never a user's
    return Generated(text, functions)


def _content_key(model: Model, title: str, target: str) -> str:
    folder = Path(__file__).parent
    parts = [*((folder / name).read_text(encoding="utf-8") for name in GENERATOR), version("sympy"), title, target]
    parts += [f"{name}={srepr(value)}" for name, value in model.program]
    for phase in model.phases:
        parts += [phase.name, phase.status, phase.note, *(f"{name}={srepr(value)}" for name, value in phase.program)]
        parts += [f"{r.kind} {srepr(r.lhs)} {srepr(r.rhs)}" for r in phase.when]
        parts += [f"{name}={srepr(value)}" for name, value in phase.observables.items()]
    regions: tuple[Refusal | Branch, ...] = (*model.refusals, *model.branches)
    for region in regions:
        parts += [region.name, *(f"{r.kind} {srepr(r.lhs)} {srepr(r.rhs)}" for r in region.when)]
    for relation in (*model.equations, *model.residuals):
        parts.append(f"{srepr(relation.lhs)} = {srepr(relation.rhs)}")
    for group in (model.observables, model.reported, model.start):
        parts += [f"{name}={srepr(value)}" for name, value in group.items()]
    parts += [srepr(symbol) for symbol in (*model.symbols, *model.unknowns)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
