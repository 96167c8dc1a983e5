"""Fu & Wang (2024): adversarial training of wide networks through the neural tangent kernel."""
