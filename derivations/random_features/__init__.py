"""Adversarially trained random features regression in the proportional limit (Hassani & Javanmard 2022)."""
