"""Policies, one file each, the rule and its source in the docstring."""
