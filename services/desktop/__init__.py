"""The desktop process: tickets, sockets of agents, and the relay from the log to them."""
