"""The carriers' way in: verify, take one step of the dialog, publish its facts, answer. In that order."""
