"""The routing process: who answers whom, decided once."""
