"""What a reader sees: the ledger, the progress line, a derivation in several formats. No verdict is made here."""
