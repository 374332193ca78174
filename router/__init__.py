"""Decides who answers whom. Pure: no I/O, no clock, no randomness, no logging.

Read in this order: `entities` (what is known), the tables (`contact_state`, `item_state`, `reservation_state`,
`agent_state`), `eligibility` and `matching` (who may and who does), `engine` (folds facts, makes decisions),
`ownership` (who may decide at all).
"""
