"""The policies, one file each: those of the field as baselines, and ours."""
