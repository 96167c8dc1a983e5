"""The ladder of equivalences (being written)."""
from derivations.core import Assumed, Derivation
from derivations.random_features.symbols import HASSANI_JAVANMARD
from derivations.relations import statement
theorem = Derivation(__name__, title="The ladder", source=HASSANI_JAVANMARD)
@theorem.step(Assumed())
def gaussian_equivalence():
    """x"""
    return statement("x")
