"""One module per schema change, in order. A published one is never edited."""
