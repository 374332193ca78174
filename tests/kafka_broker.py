"""A real Apache Kafka for every suite that wants one.

Ask for the fixture `kafka_bootstrap` (host:port) and mark the test `kafka`. There is one broker a session; under
pytest-xdist, one a worker. Tests share it: give each its own prefix for topics and groups.

Without Java or Maven these tests are skipped with one reason, which `tests/conftest.py` prints as one loud line; with
CI=true they fail instead.
"""

import os

import pytest

from deploy.kafka.run_broker import Broker, missing_tools


def pytest_itemcollected(item):
    if item.get_closest_marker("kafka") is None:
        return
    missing = missing_tools()
    if missing and not _is_ci():
        item.add_marker(pytest.mark.skip(reason=f"no Kafka: {missing}"))


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory):
    """The running broker itself; fault tests that stop it must start it again."""
    missing = missing_tools()
    if missing:
        pytest.fail(f"Kafka tests have to run where CI=true: {missing}", pytrace=False)
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_broker):
    """Where the broker accepts connections, as host:port."""
    return kafka_broker.bootstrap


def _is_ci():
    return os.environ.get("CI", "").lower() == "true"
