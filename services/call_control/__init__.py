"""Performs decisions at the carrier, and tells on `intake` what came of them."""
