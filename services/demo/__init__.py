"""The demo: a simulated carrier, simulated callers and agents. Clients only; they reach the system from outside."""
