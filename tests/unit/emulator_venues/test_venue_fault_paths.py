"""Which requests a fault is for: a part of the path, or its end where another path goes on."""

from __future__ import annotations

import pytest

from emulator.venues.serving.faults import Fault, FaultKind


@pytest.mark.parametrize(
    ("path", "matching", "others"),
    [
        ("withdraw/apply", ("/sapi/v1/capital/withdraw/apply",), ("/sapi/v1/capital/withdraw/history",)),
        ("private/Withdraw", ("/0/private/Withdraw", "/0/private/WithdrawStatus"), ("/0/private/Ledgers",)),
        ("private/Withdraw$", ("/0/private/Withdraw",), ("/0/private/WithdrawStatus",)),
        ("/", ("/0/private/Withdraw", "/0/public/Time"), ()),
    ],
)
def test_a_path_matches_where_it_is_contained_or_at_its_end(
    path: str, matching: tuple[str, ...], others: tuple[str, ...]
) -> None:
    fault = Fault(FaultKind.HTTP_500, path)
    assert all(fault.matches("POST", each, None) for each in matching)
    assert not any(fault.matches("POST", each, None) for each in others)
