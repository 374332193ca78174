"""The secrets behind carriers' accounts, as tenants' documents name them."""

from collections.abc import Sequence
from typing import Final

from services.runtime.clock import Clock
from services.runtime.secrets_store import Secrets
from services.runtime.tenants import Tenants

KEPT_S: Final = 10.0  # a rotated secret counts after this; reading the file on every webhook would cost more


class Accounts:
    """Looks up an account's secrets and keeps them for a few seconds. `repr` shows none."""

    def __init__(self, tenants: Tenants, secrets: Secrets, clock: Clock) -> None:
        self._tenants = tenants
        self._secrets = secrets
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}

    def secrets(self, carrier: str, account: str) -> Sequence[str]:
        """Return the account's secrets, the newest first; none if no tenant has the account.

        Raises:
            ConfigurationError: a document names a secret that is not there.
        """
        if self._tenants.by_account(carrier, account) is None:
            return ()  # whatever a stranger names is not remembered
        until, secrets = self._kept.get((carrier, account), (0.0, ()))
        if not secrets or self._clock.monotonic() >= until:
            secrets = self._read(carrier, account)
            self._kept[carrier, account] = (self._clock.monotonic() + KEPT_S, secrets)
        return secrets

    def _read(self, carrier: str, account: str) -> tuple[str, ...]:
        """Return the secrets that any tenant names for the account, each once: tenants may share one."""
        lines = [line for config in self._tenants.all() for line in config.carriers]
        names = [name for line in lines if (line.carrier, line.account) == (carrier, account) for name in line.secrets]
        return tuple(dict.fromkeys(self._secrets.get(name) for name in dict.fromkeys(names)))
