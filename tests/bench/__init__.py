"""What the system costs, each figure beside a floor that was measured in the same run.

`python -m tests.bench [--quick] [--only NAME] [--no-kafka] [--json FILE]`. The system under test is a process of its
own, started by `frontdoor up`; this process is the carrier, the callers and the agents.
"""
