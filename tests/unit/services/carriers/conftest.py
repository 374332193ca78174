import asyncio

import uvloop

ON_BOTH_LOOPS = {"test_connection.py", "test_lanes.py"}


def pytest_asyncio_loop_factories(config, item):
    """What works on sockets is tried on the loop of the tests and on that of the processes."""
    both = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
    return both if item.path.name in ON_BOTH_LOOPS else {"asyncio": asyncio.SelectorEventLoop}
