"""The secrets behind carriers' accounts, as tenants' documents name them."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from schemas.errors import ConfigurationError
from services.runtime.clock import Clock
from services.runtime.secrets_store import Secrets
from services.runtime.tenants import Tenants

KEPT_S: Final = 10.0  # a rotated secret counts after this; reading the file on every webhook would cost more

_Account = tuple[str, str]  # carrier and account


class _Kept(NamedTuple):
    until: float
    secrets: tuple[str, ...]


class Accounts:
    """Looks up an account's secrets and keeps them for a few seconds. `repr` shows none.

    Only the first look at an account reads the file at once. Later ones do it in a thread, and until it is done what is
    known counts on: a disk that hangs must not hold up callers.
    """

    def __init__(self, tenants: Tenants, secrets: Secrets, clock: Clock) -> None:
        self._tenants = tenants
        self._secrets = secrets
        self._clock = clock
        self._kept: dict[_Account, _Kept] = {}
        self._reading: dict[_Account, asyncio.Task[None]] = {}

    def secrets(self, carrier: str, account: str) -> Sequence[str]:
        """Return the account's secrets, the newest first; none if no tenant has the account.

        Called within an event loop once something is known.

        Raises:
            ConfigurationError: a document names a secret that is not there.
        """
        if self._tenants.by_account(carrier, account) is None:
            return ()  # whatever a stranger names is not remembered
        kept = self._kept.get((carrier, account))
        if kept is None:
            kept = self._keep((carrier, account), self._read(self._names(carrier, account)))
        elif self._clock.monotonic() >= kept.until and (carrier, account) not in self._reading:
            self._reading[carrier, account] = asyncio.create_task(self._refresh((carrier, account)))
        return kept.secrets

    async def refreshed(self) -> None:
        """Return when nothing is being read."""
        while self._reading:
            await asyncio.wait(list(self._reading.values()))

    async def _refresh(self, account: _Account) -> None:
        try:
            self._keep(account, await asyncio.to_thread(self._read, self._names(*account)))
        except ConfigurationError:
            self._kept.pop(account, None)  # the next look tells whoever asks
        finally:
            del self._reading[account]

    def _keep(self, account: _Account, secrets: tuple[str, ...]) -> _Kept:
        kept = self._kept[account] = _Kept(self._clock.monotonic() + KEPT_S, secrets)
        return kept

    def _names(self, carrier: str, account: str) -> tuple[str, ...]:
        """Return the names that any tenant has for the account's secrets, each once: tenants may share one."""
        lines = [line for config in self._tenants.all() for line in config.carriers]
        names = [name for line in lines if (line.carrier, line.account) == (carrier, account) for name in line.secrets]
        return tuple(dict.fromkeys(names))

    def _read(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._secrets.get(name) for name in names))
