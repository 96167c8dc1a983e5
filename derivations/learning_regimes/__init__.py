"""Dohmatob & Bietti (2022): test error against robustness of two-layer networks in their learning regimes."""
