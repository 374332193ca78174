"""Policies, one file each, the rule and its source in the docstring: those of the field as baselines, and ours."""
