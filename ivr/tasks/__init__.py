"""What is served without a person: one module per task."""
