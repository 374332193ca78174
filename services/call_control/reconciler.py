"""Compares who is believed to be on the line with the carrier's own list, at start and every minute.

So a caller whose last status was lost does not stay in a queue for ever. A caller has to be missing from two lists in a
row: one list may have been made just before the call was.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from schemas import ids
from schemas.errors import CarrierUnavailable, ConfigurationError
from schemas.tenant_config import TenantConfig
from services.call_control.followed import Followed, Line
from services.call_control.patience import Patience, Pause
from services.call_control.teller import Teller
from services.carriers.port import CallControl
from services.carriers.twilio_webhooks import CARRIER
from services.runtime.limits import Limits
from services.runtime.telemetry import CARRIER_CALLS_GONE, Metrics, get_logger
from services.runtime.tenants import Tenants

MISSING_LISTS: Final = 2
_SECOND_LOOK_S: Final = 5.0
_log = get_logger(__name__)


class Reconciler:
    """Tells of callers who are gone without our having been told."""

    def __init__(
        self,
        carrier: CallControl,
        *,
        followed: Followed,
        patience: Patience,
        teller: Teller,
        tenants: Tenants,
        limits: Limits,
        metrics: Metrics,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._carrier = carrier
        self._followed = followed
        self._patience = patience
        self._teller = teller
        self._tenants = tenants
        self._limits = limits
        self._metrics = metrics
        self._pause = pause
        self._missing: dict[ids.ContactId, int] = {}

    async def run(self, ready: asyncio.Event) -> None:
        """Compare once `ready` is set, a second time soon after, and then every `reconcile_s`, until cancelled."""
        await ready.wait()
        await self.compare()
        await self._pause(_SECOND_LOOK_S)
        while True:
            await self.compare()
            await self._pause(self._limits.reconcile_s)

    async def compare(self) -> None:
        """Take one list of each account's calls, and tell of those who are missing for the second time."""
        believed = [line for line in self._followed if not line.told_gone]  # before the lists are made
        wanted = {line.tenant for line in believed}
        listed = await self._lists([config for config in self._tenants.all() if config.tenant in wanted])
        missing = {line.contact_id: line for line in believed if _is_missing(line, self._tenants, listed)}
        self._missing = {contact: self._missing.get(contact, 0) + 1 for contact in missing}
        for contact, times in self._missing.items():
            if times >= MISSING_LISTS:
                await self._tell(missing[contact])

    async def _lists(self, configs: Iterable[TenantConfig]) -> dict[str, frozenset[ids.ContactId] | None]:
        """Return the contacts of each account's live calls; None where the carrier did not say."""
        accounts = sorted({account for config in configs for account in _accounts(config)})
        return {account: await self._list(account) for account in accounts}

    async def _list(self, account: str) -> frozenset[ids.ContactId] | None:
        try:
            calls = await self._patience.attempt(
                account,
                lambda: self._carrier.live_calls(account),
                attempts_max=self._limits.carrier_attempts_max,
            )
        except (CarrierUnavailable, ConfigurationError) as error:
            _log.warning("call_control.no_list", account=account, error=type(error).__name__)
            return None
        except Exception:  # noqa: BLE001  an answer that nobody foresaw must not end what connects callers
            _log.exception("call_control.no_list", account=account)
            return None
        return frozenset(ids.contact_id(CARRIER, account, call) for call in calls)

    async def _tell(self, line: Line) -> None:
        _log.info("call_control.caller_missing", contact_id=line.contact_id, tenant=line.tenant)
        self._metrics.count(CARRIER_CALLS_GONE, account=line.account or "unknown")
        line.told_gone = True
        await self._teller.caller_gone(line.contact_id, line.cell, line.tenant, account=line.account, call=line.call)


def _accounts(config: TenantConfig) -> list[str]:
    return [line.account for line in config.carriers if line.carrier == CARRIER]


def _is_missing(line: Line, tenants: Tenants, listed: dict[str, frozenset[ids.ContactId] | None]) -> bool:
    """Return whether a caller is on none of the lists where they could be; False if one of them is not there."""
    config = tenants.get(line.tenant)
    accounts = _accounts(config) if config is not None else []
    lists = [listed.get(account) for account in accounts]
    return bool(lists) and all(one is not None and line.contact_id not in one for one in lists)
