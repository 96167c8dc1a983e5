"""Papers that several files build on, described once, so that a citation is the same wherever it is printed."""

from __future__ import annotations

from derivations.core import Source

HASSANI_JAVANMARD = Source(
    key="hassani2024curse",
    authors=("Hassani, Hamed", "Javanmard, Adel"),
    title=(
        "The curse of overparametrization in adversarial training: Precise analysis of robust generalization for "
        "random features regression"
    ),
    year=2024,
    venue="The Annals of Statistics 52(2)",
    arxiv="2201.05149",
    doi="10.1214/24-AOS2353",
)
