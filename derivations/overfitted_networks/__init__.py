"""Shi, Liu, Cao & Suykens (2024): overfitted ReLU networks with zero adversarial training error, by construction."""
