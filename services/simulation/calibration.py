"""What is known of real callers, as figures; the calls themselves are not part of this repository.

Measured in the call log of a rural Irish general practice, every inbound call of 2021 (github.com/jpmeagher/gpCallLog,
data/inbound_calls_2021.rda, MIT licence, commit 8f7fc35), of which a part by whole days was used: 19,346 calls, of them
150 working days with 60 calls or more. A test computes them again where that log is at hand.
"""

from typing import Final

# Variance over mean of the number of calls in the same hour of different days: 6.8, 3.6, 4.2, 10.0, 9.4, 4.4 and 4.2
# from 9 to 17 without the lunch break; a Poisson process has 1. This is their mean.
DISPERSION: Final = 6.1

# Of 7,078 calls that nobody answered, 3,665 were followed by another of the same caller within the hour.
REDIAL_SHARE: Final = 0.52

# Those came back after so many seconds: the deciles, 0 and 100 % included.
REDIAL_AFTER_S: Final = (1.0, 34.0, 74.0, 146.0, 222.0, 244.0, 343.0, 566.0, 980.0, 1804.0, 3600.0)

# Standard deviation of the logarithm of the talk time of the 12,268 answered calls.
TALK_SPREAD: Final = 0.84

# Calls by hour from 8 to 18, as shares of a working day. The log's peak from 9 on and its decline in the afternoon; a
# center answers through the lunch break (3 % of the practice's calls) and from 8 to 9 (1 %), so those are filled in.
HOURS: Final = (0.06, 0.15, 0.13, 0.12, 0.12, 0.09, 0.11, 0.09, 0.08, 0.05)
OPENS_AT: Final = 8

# Assumed: the log does not tell how long people who were connected would have waited. In the literature of call centers
# an exponential patience of a few minutes is usual (Mandelbaum and Zeltyn 2007).
PATIENCE_S: Final = 240.0
