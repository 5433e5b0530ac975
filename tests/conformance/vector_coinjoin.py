"""Coinjoin authorisations that a vector's ownership proof builds on.

The data has the proof that is asked for; who was authorised before, and in which session, is from
the firmware's tests (test_authorize_coinjoin.py): one session per coordinator, and a cancelled one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trezorlib import btc, device, tools
from trezorlib import messages as m

_COORDINATORS = {
    "test_wrong_coordinator": ("www.example.com",),
    "test_cancel_authorization": ("www.example.com",),
    "test_multisession_authorization": ("www.example1.com", "www.example2.com"),
}


def session_for(session: Any, case: Mapping[str, Any]) -> Any:
    """The session in which the proof is asked for, with everything authorised that comes before."""
    named = bytes.fromhex(case["kwargs"]["commitment_data"])
    patterns = case["expect_failure_regex"] or [""]
    authorised = {}
    for number, coordinator in enumerate(_COORDINATORS[case["id"].rpartition("::")[2]]):
        own = session if number == 0 else session.client.get_session("")
        _authorise(own, coordinator)
        authorised[coordinator] = own
    matching = [own for coordinator, own in authorised.items() if coordinator.encode() in named]
    if patterns[0] == "Unauthorized operation":
        return next(own for own in authorised.values() if own not in matching)
    if patterns[0]:
        device.cancel_authorization(matching[0])
    return matching[0]


def _authorise(session: Any, coordinator: str) -> None:
    btc.authorize_coinjoin(
        session,
        coordinator=coordinator,
        max_rounds=10,
        max_coordinator_fee_rate=500_000,  # 0.5 %
        max_fee_per_kvbyte=3500,
        n=tools.parse_path("m/10025h/1h/0h/1h"),
        coin_name="Testnet",
        script_type=m.InputScriptType.SPENDTAPROOT,
    )
