"""The scenario's hand on the venue: `/_emulator/...`, plain JSON in and out, amounts as strings.

Only for scenarios and tests; nothing a venue's client uses. An unknown path, field or value is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from emulator.venues.control import accounts, market, money
from emulator.venues.control.fields import Fields
from emulator.venues.control.state import (
    account_state,
    liquidation_rows,
    market_state,
    request_row,
    venue_state,
)
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.refusals import Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.dispatch import Dispatcher
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.faults import Fault, FaultBox, FaultKind
from emulator.venues.serving.messages import Answer
from emulator.venues.serving.requests_log import RequestLog
from emulator.venues.serving.sockets import Sockets
from emulator.venues.serving.wire import Json, dumps, loads

CONTROL_PREFIX = "/_emulator/"
OK: Json = {"ok": True}
NO_FIELDS: frozenset[str] = frozenset()
FAULT_FIELDS = frozenset(
    {"kind", "path", "method", "count", "skip", "seconds", "api_key", "field", "entries", "digits", "lasting"}
)
FEED_FIELDS = frozenset({"silent", "drop"})
MAX_TICKS = 10_000
MAX_LATENCY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Action:
    """A control path: the fields it takes and what it does with them."""

    fields: frozenset[str]
    act: Callable[[Fields], Json]


@dataclass(slots=True)
class Handles:
    """What control moves in the server itself; `latency_ms` delays every answer and blocks none."""

    release: Callable[[], None]
    sockets: Sockets
    latency_ms: int = 0


class ControlDesk:
    """All control paths of one server."""

    def __init__(self, dispatcher: Dispatcher, faults: FaultBox, log: RequestLog, handles: Handles) -> None:
        self._dispatcher = dispatcher
        self._venue = dispatcher.venue
        self._faults = faults
        self._log = log
        self._handles = handles
        self._actions: dict[str, Action] = {
            "state": Action(frozenset({"account"}), self._state),
            "tick": Action(frozenset({"count"}), self._tick),
            "mark": self._quiet(market.MARK_FIELDS, market.set_mark),
            "market": self._quiet(market.MARKET_FIELDS, market.set_market),
            "history": self._quiet(market.HISTORY_FIELDS, market.add_history),
            "funding": self._quiet(market.FUNDING_FIELDS, market.settle_funding),
            "clock": self._quiet(market.CLOCK_FIELDS, market.set_clock),
            "accounts": Action(accounts.CREATE_FIELDS, self._create),
            "account": self._quiet(accounts.ACCOUNT_FIELDS, accounts.change),
            "position": self._quiet(accounts.ACCOUNT_POSITION_FIELDS, accounts.set_position),
            "keys": self._quiet(accounts.ACCOUNT_KEY_FIELDS, accounts.add_key),
            "nonces": self._quiet(accounts.NONCE_FIELDS, accounts.set_nonce),
            "credit": self._quiet(accounts.CREDIT_FIELDS, accounts.credit),
            "whitelist": self._quiet(accounts.WHITELIST_FIELDS, accounts.set_whitelist),
            "withdrawals": self._quiet(money.WITHDRAWAL_FIELDS, money.set_withdrawals),
            "withdrawals/refuse": self._quiet(money.REFUSE_FIELDS, money.refuse_withdrawal),
            "network": self._quiet(money.NETWORK_FIELDS, money.set_network),
            "deposit_address": Action(money.ADDRESS_FIELDS, self._address),
            "receive": Action(money.RECEIVE_FIELDS, self._receive),
            "fault": Action(FAULT_FIELDS, self._fault),
            "faults/clear": Action(NO_FIELDS, self._clear_faults),
            "latency": Action(frozenset({"ms"}), self._latency),
            "feeds": Action(FEED_FIELDS, self._feeds),
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
        except (ValueError, KeyError, Refusal, VenueError) as error:
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
            "feeds": self._handles.sockets.count,
            "accounts": {a.name: account_state(self._venue, a) for a in self._venue.accounts.values()},
            "market": market_state(self._venue),
        }

    def _tick(self, fields: Fields) -> Json:
        for _ in range(min(fields.integer_or("count", 1), MAX_TICKS)):
            self._venue.pump()
        return {"ticks": self._venue.ticks}

    def _create(self, fields: Fields) -> Json:
        account = accounts.create(self._venue, fields)
        return {"name": account.name, "uid": account.uid}

    def _address(self, fields: Fields) -> Json:
        place = money.change_deposit_address(self._venue, fields)
        return {"address": place.address, "tag": place.tag}

    def _receive(self, fields: Fields) -> Json:
        return {"txid": money.receive(self._venue, fields)}

    def _fault(self, fields: Fields) -> Json:
        self._faults.arm(
            Fault(
                kind=fields.choice("kind", FaultKind),
                path=fields.text("path"),
                method=fields.text_or("method"),
                count=None if fields.flag_or("lasting", False) else fields.integer_or("count", 1),
                skip=fields.integer_or("skip", 0),
                seconds=fields.number_or("seconds", ZERO) or ZERO,
                api_key=fields.text_or("api_key"),
                field=fields.text_or("field"),
                entries=fields.integer_or("entries", 1),
                digits=fields.integer_or("digits", 0),
            )
        )
        return OK

    def _clear_faults(self, fields: Fields) -> Json:
        """Disarm all faults and let held requests go."""
        self._faults.clear()
        self._handles.release()
        return OK

    def _latency(self, fields: Fields) -> Json:
        """Delay every answer by so many milliseconds; 0 ends it."""
        delay = fields.integer_or("ms", 0)
        if not 0 <= delay <= MAX_LATENCY_MS:
            raise ValueError(f"expected 0 to {MAX_LATENCY_MS} ms, found {delay}")
        self._handles.latency_ms = delay
        return OK

    def _feeds(self, fields: Fields) -> Json:
        """Keep all feeds connected and silent, or break their lines."""
        sockets = self._handles.sockets
        sockets.silent = fields.flag_or("silent", sockets.silent)
        if fields.flag_or("drop", False):
            sockets.drop_all()
        return OK

    def _freeze(self, fields: Fields) -> Json:
        self._dispatcher.freeze(fields.texts("paths") or None)
        return OK

    def _thaw(self, fields: Fields) -> Json:
        self._dispatcher.thaw()
        return OK

    def _requests(self, fields: Fields) -> Json:
        found = self._log.select(fields.text_or("method"), fields.text_or("path"))
        return [request_row(entry) for entry in found]
