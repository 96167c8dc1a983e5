"""Mathematics that several papers share; each file is a derivation of its own."""
