"""The nemesis: the whole system as separate processes, under load, with faults drawn from a seed, and then judged.

`make nemesis SEED=n` runs it. `proxy` and `faults` break things, `load` calls and answers and writes the `ledger`,
`checker` (which shares no code with the system) judges the ledger against the logs, the database, the carrier and the
desktops. A failing run prints its seed and keeps what it saw.
"""
