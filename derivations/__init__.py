"""What is true and why: derivations as data, in SymPy, that compute nothing on import."""
