"""What a desktop may see and do: pure, without a socket, a clock or a log.

`desk` folds decisions into what each agent has before them, `session` speaks with one desktop, `presence` says whom the
gateway vouches for, `frames` is JSON to frames and back.
"""
