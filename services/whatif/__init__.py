"""A manager's own yesterday: logs of other routers read into what a simulation needs, with every assumption said."""
