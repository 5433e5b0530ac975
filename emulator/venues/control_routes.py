"""The scenario's hand on the venue: `/_emulator/...`, plain JSON in and out, amounts as strings.

Only for scenarios and tests; nothing a venue's client uses. An unknown path, field or value is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from emulator.venues import control_accounts, control_market
from emulator.venues.control_fields import Fields
from emulator.venues.control_state import (
    account_state,
    liquidation_rows,
    market_state,
    request_row,
    venue_state,
)
from emulator.venues.dispatch import ACCOUNT_PATHS, Answer, Dispatcher
from emulator.venues.errors import VenueError
from emulator.venues.exact import ZERO
from emulator.venues.faults import Fault, FaultBox, FaultKind
from emulator.venues.requests_log import RequestLog
from emulator.venues.venue import Venue
from emulator.venues.wire import Json, dumps, loads

CONTROL_PREFIX = "/_emulator/"
OK: Json = {"ok": True}
NO_FIELDS: frozenset[str] = frozenset()
FAULT_FIELDS = frozenset({"kind", "path", "method", "count", "skip", "seconds", "api_key"})
MAX_TICKS = 10_000


@dataclass(frozen=True, slots=True)
class Action:
    """A control path: the fields it takes and what it does with them."""

    fields: frozenset[str]
    act: Callable[[Fields], Json]


class ControlDesk:
    """All control paths of one server."""

    def __init__(
        self, dispatcher: Dispatcher, faults: FaultBox, log: RequestLog, release: Callable[[], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._venue = dispatcher.venue
        self._faults = faults
        self._log = log
        self._release = release
        accounts, market = control_accounts, control_market
        self._actions: dict[str, Action] = {
            "state": Action(frozenset({"account"}), self._state),
            "tick": Action(frozenset({"count"}), self._tick),
            "mark": self._quiet(market.MARK_FIELDS, market.set_mark),
            "market": self._quiet(market.MARKET_FIELDS, market.set_market),
            "history": self._quiet(market.HISTORY_FIELDS, market.add_history),
            "funding": self._quiet(market.FUNDING_FIELDS, market.settle_funding),
            "clock": self._quiet(market.CLOCK_FIELDS, market.set_clock),
            "accounts": Action(accounts.CREATE_FIELDS, self._create),
            "position": self._quiet(accounts.ACCOUNT_POSITION_FIELDS, accounts.set_position),
            "keys": self._quiet(accounts.ACCOUNT_KEY_FIELDS, accounts.add_key),
            "credit": self._quiet(accounts.CREDIT_FIELDS, accounts.credit),
            "whitelist": self._quiet(accounts.WHITELIST_FIELDS, accounts.set_whitelist),
            "withdrawals": self._quiet(accounts.WITHDRAWAL_FIELDS, accounts.set_withdrawals),
            "withdrawals/refuse": self._quiet(accounts.REFUSE_FIELDS, accounts.refuse_withdrawal),
            "network": self._quiet(accounts.NETWORK_FIELDS, accounts.set_network),
            "deposit_address": Action(accounts.ADDRESS_FIELDS, self._address),
            "fault": Action(FAULT_FIELDS, self._fault),
            "faults/clear": Action(NO_FIELDS, self._clear_faults),
            "freeze": Action(frozenset({"paths"}), self._freeze),
            "thaw": Action(NO_FIELDS, self._thaw),
            "requests": Action(frozenset({"method", "path"}), self._requests),
            "liquidations": Action(NO_FIELDS, lambda _: liquidation_rows(self._venue)),
        }

    def answer(self, path: str, body: str) -> Answer:
        """Carry out one control request; a JSON object in the body, or nothing."""
        action = self._actions.get(path.removeprefix(CONTROL_PREFIX))
        if action is None:
            return Answer(404, dumps({"error": f"no control path {path}; known: {sorted(self._actions)}"}))
        try:
            parsed = loads(body) if body else {}
            if not isinstance(parsed, dict):
                return Answer(400, dumps({"error": f"expected an object, found {type(parsed).__name__}"}))
            fields = Fields(cast(Mapping[str, object], parsed), action.fields)
            with self._venue.lock:
                return Answer(200, dumps(action.act(fields)))
        except (ValueError, KeyError, VenueError) as error:
            return Answer(400, dumps({"error": str(error)}))

    def _quiet(self, fields: frozenset[str], change: Callable[[Venue, Fields], object]) -> Action:
        def act(given: Fields) -> Json:
            change(self._venue, given)
            return OK

        return Action(fields, act)

    def _state(self, fields: Fields) -> Json:
        name = fields.text_or("account")
        if name is not None:
            return account_state(self._venue, self._venue.account(name))
        return {
            **venue_state(self._venue),
            "accounts": {a.name: account_state(self._venue, a) for a in self._venue.accounts.values()},
            "market": market_state(self._venue),
        }

    def _tick(self, fields: Fields) -> Json:
        for _ in range(min(fields.integer_or("count", 1), MAX_TICKS)):
            self._venue.pump()
        return {"ticks": self._venue.ticks}

    def _create(self, fields: Fields) -> Json:
        account = control_accounts.create(self._venue, fields)
        return {"name": account.name, "uid": account.uid}

    def _address(self, fields: Fields) -> Json:
        return {"address": control_accounts.change_deposit_address(self._venue, fields)}

    def _fault(self, fields: Fields) -> Json:
        self._faults.arm(
            Fault(
                kind=FaultKind(fields.text("kind")),
                path=fields.text("path"),
                method=fields.text_or("method"),
                count=fields.integer_or("count", 1),
                skip=fields.integer_or("skip", 0),
                seconds=fields.number_or("seconds", ZERO) or ZERO,
                api_key=fields.text_or("api_key"),
            )
        )
        return OK

    def _clear_faults(self, fields: Fields) -> Json:
        """Disarm all faults and let held requests go."""
        self._faults.clear()
        self._release()
        return OK

    def _freeze(self, fields: Fields) -> Json:
        self._dispatcher.freeze(fields.texts("paths") or ACCOUNT_PATHS)
        return OK

    def _thaw(self, fields: Fields) -> Json:
        self._dispatcher.thaw()
        return OK

    def _requests(self, fields: Fields) -> Json:
        found = self._log.select(fields.text_or("method"), fields.text_or("path"))
        return [request_row(entry) for entry in found]
