"""Decides what the caller hears. Pure: no I/O, no clock, no randomness, no logging.

Read in this order: `utterance` (words made comparable), `flags` and `emergency` (what needs a person at once),
`intents` (what the caller wants), `flow` (checked data), `speech` (prompts, times and days as a person would say them),
`session` (what travels with the call), `dialog` (the machine), `waiting` (the loop until a person answers), `tasks`
(what is served without one).
"""
