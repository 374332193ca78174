"""Performs one decision at the carrier: look first, act once, tell what came of it.

A decision may come again, after a restart or a rebalance. Names make that harmless: the conference is called after the
contact and the agent's leg in it after the reservation, so that what has been done already is found there.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from itertools import chain, repeat
from typing import Final

from schemas.decisions import CallerJoining, Decision, ItemConnecting, LegReleased
from schemas.errors import CarrierUnavailable
from schemas.ids import CellId, ReservationId
from services.call_control.followed import Followed
from services.call_control.patience import Patience, Unwanted
from services.call_control.teller import Teller
from services.carriers.addresses import AgentLeg, CarrierAddresses, Returning
from services.carriers.port import AgentCall, CallControl, CarrierRefused, LegGone
from services.carriers.twilio_webhooks import CARRIER
from services.runtime.clock import Clock
from services.runtime.limits import Limits
from services.runtime.telemetry import CARRIER_ACTS, Metrics, get_logger
from services.runtime.tenants import Tenants

Act = ItemConnecting | CallerJoining | LegReleased
RING_S_MIN: Final = 5
RING_S_MAX: Final = 120
_LEGS_MAX: Final = 50_000  # agents' legs remembered; a forgotten one is found by its label
_log = get_logger(__name__)


def act_of(decision: Decision) -> Act | None:
    """Return a decision that is to be performed at this carrier, or None."""
    if isinstance(decision, ItemConnecting | CallerJoining | LegReleased) and decision.carrier == CARRIER:
        return decision
    return None


class Performer:
    """Performs decisions. One contact's are given to it one after the other."""

    def __init__(
        self,
        carrier: CallControl,
        *,
        followed: Followed,
        patience: Patience,
        teller: Teller,
        addresses: CarrierAddresses,
        tenants: Tenants,
        clock: Clock,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._carrier = carrier
        self._followed = followed
        self._patience = patience
        self._teller = teller
        self._addresses = addresses
        self._tenants = tenants
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._legs: OrderedDict[ReservationId, str] = OrderedDict()

    async def perform(self, act: Act, cell: CellId, *, first: bool = False) -> None:
        """Perform one decision. Returns when its result is on the log; never raises for what a carrier does.

        `first`: nobody can have begun it before, so there is nothing to look for at the carrier. A second attempt
        always looks.
        """
        try:
            outcome = await self._perform(act, cell, first)
        except Exception:  # noqa: BLE001  one caller's trouble must not stop the others
            _log.exception("call_control.failed", contact_id=act.contact_id, type=act.type)
            outcome = "defect"
            if not isinstance(act, LegReleased):
                await self._teller.connect_failed(act, cell, None)
        self._metrics.count(CARRIER_ACTS, act=act.type, outcome=outcome)
        _log.info("call_control.performed", contact_id=act.contact_id, type=act.type, outcome=outcome)

    async def _perform(self, act: Act, cell: CellId, first: bool) -> str:  # noqa: FBT001  passed on as it came
        match act:
            case ItemConnecting():
                return await self._connect(act, cell, _looks(first))
            case CallerJoining():
                line = self._followed.line(act.contact_id)
                again = line is not None and line.joining_again
                return await self._join(act, cell, _looks(first and not again))
            case LegReleased(leg="agent"):
                return await self._release_agent(act, cell)
            case LegReleased():
                return await self._release_caller(act, cell)

    # ---- the agent's phone into the conference

    async def _connect(self, act: ItemConnecting, cell: CellId, looks: Iterator[bool]) -> str:
        if self._clock.now() >= act.expires_at:
            return "late"  # the router has taken the reservation back, or is about to
        try:
            call = await self._patience.attempt(
                act.account,
                partial(self._dial, act, cell, looks),
                attempts_max=self._limits.carrier_attempts_max,
                until=act.expires_at,
                wanted=partial(self._stands, act),
            )
        except Unwanted:
            return "stale"
        except CarrierUnavailable as failure:
            await self._teller.connect_failed(act, cell, failure.status)
            return "failed"
        self._remember(act.reservation_id, call)
        return "done"

    async def _dial(self, act: ItemConnecting, cell: CellId, looks: Iterator[bool]) -> str:
        known = await self._agent_leg(act.account, act) if next(looks) else None
        if known is not None:
            return known
        try:
            return await self._carrier.dial_agent(self._agent_call(act, cell))
        except CarrierRefused:  # perhaps since an earlier request, whose answer was lost, has been carried out
            known = await self._agent_leg(act.account, act)
            if known is None:
                raise
            return known

    def _agent_call(self, act: ItemConnecting, cell: CellId) -> AgentCall:
        leg = AgentLeg(contact=act.contact_id, tenant=act.tenant, cell=cell, reservation=act.reservation_id)
        left_s = (act.expires_at - self._clock.now()).total_seconds()
        return AgentCall(
            account=act.account,
            contact_id=act.contact_id,
            reservation_id=act.reservation_id,
            caller_id=act.number,
            endpoint=act.endpoint,
            ring_s=min(max(math.ceil(left_s), RING_S_MIN), RING_S_MAX),
            status_url=self._addresses.agent_status(leg),
        )

    # ---- the caller after them

    async def _join(self, act: CallerJoining, cell: CellId, looks: Iterator[bool]) -> str:
        line = self._followed.line(act.contact_id)
        try:
            await self._patience.attempt(
                act.account,
                partial(self._move, act, cell, looks),
                attempts_max=self._limits.carrier_attempts_max,
                until=line.connect_by if line else None,
                wanted=partial(self._stands, act),
            )
        except Unwanted:
            return "stale"
        except LegGone:
            await self._gone(act, cell)
            return "gone"
        except CarrierUnavailable as failure:
            await self._teller.connect_failed(act, cell, failure.status)
            return "failed"
        await self._teller.caller_joined(act, cell)
        return "done"

    async def _move(self, act: CallerJoining, cell: CellId, looks: Iterator[bool]) -> None:
        if next(looks):
            present = await self._carrier.participants(act.account, act.contact_id)
            if act.call in {participant.call for participant in present}:
                return  # moving them again would end the conference
            if act.reservation_id not in {participant.label for participant in present}:
                raise CarrierRefused("the agent is not in the conference")
        await self._carrier.join_caller(act.account, act.call, act.contact_id, return_url=self._return_url(act, cell))

    def _return_url(self, act: CallerJoining | LegReleased, cell: CellId) -> str:
        line = self._followed.line(act.contact_id)
        tenant = self._tenants.get(act.tenant)
        return self._addresses.returning(
            Returning(
                contact=act.contact_id,
                tenant=act.tenant,
                cell=cell,
                account=act.account,
                call=act.call,
                number=(line.number if line else "") or (tenant.numbers[0] if tenant else ""),
                ordinal=act.fence if isinstance(act, CallerJoining) else line.fence if line else 0,
                language=line.language if line else None,
                intent=line.intent if line else None,
                urgency=line.urgency if line else None,
            )
        )

    # ---- letting go

    async def _release_agent(self, act: LegReleased, cell: CellId) -> str:
        try:
            return await self._patience.attempt(
                act.account,
                partial(self._end_agent_leg, act, cell),
                attempts_max=self._limits.carrier_release_attempts_max,
            )
        except LegGone:
            return "gone"
        except CarrierUnavailable:
            return "failed"
        finally:
            self._legs.pop(act.reservation_id or ReservationId(""), None)

    async def _end_agent_leg(self, act: LegReleased, cell: CellId) -> str:
        call = await self._agent_leg(act.account, act)
        if call is not None:
            await self._carrier.end_leg(act.account, call)
            return "done"
        present = await self._carrier.participants(act.account, act.contact_id)
        if [participant.call for participant in present] == [act.call]:
            # The agent left while the caller was on the way in: nobody would ever talk to them there.
            await self._carrier.send_back(act.account, act.call, return_url=self._return_url(act, cell))
        return "gone"

    async def _release_caller(self, act: LegReleased, cell: CellId) -> str:
        try:
            await self._patience.attempt(
                act.account,
                partial(self._carrier.end_leg, act.account, act.call),
                attempts_max=self._limits.carrier_release_attempts_max,
            )
        except LegGone:
            await self._gone(act, cell)
            return "gone"
        except CarrierUnavailable:
            return "failed"
        return "done"

    # ---- shared

    def _stands(self, act: ItemConnecting | CallerJoining) -> bool:
        return self._followed.stands(act.contact_id, act.reservation_id, act.fence)

    async def _gone(self, act: CallerJoining | LegReleased, cell: CellId) -> None:
        await self._teller.caller_gone(act.contact_id, cell, act.tenant, account=act.account, call=act.call)

    async def _agent_leg(self, account: str, act: ItemConnecting | LegReleased) -> str | None:
        """Return the carrier's id of a reservation's leg: remembered, or found by its label."""
        if act.reservation_id is None:
            return None
        if act.reservation_id in self._legs:
            return self._legs[act.reservation_id]
        present = await self._carrier.participants(account, act.contact_id)
        return next((one.call for one in present if one.label == act.reservation_id), None)

    def _remember(self, reservation_id: ReservationId, call: str) -> None:
        if call:
            self._legs[reservation_id] = call
            if len(self._legs) > _LEGS_MAX:
                self._legs.popitem(last=False)


def _looks(first: bool) -> Iterator[bool]:  # noqa: FBT001
    """Yield, for each attempt, whether to look first for what an earlier one may have done."""
    return chain([not first], repeat(True))
