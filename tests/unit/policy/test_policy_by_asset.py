"""Policies that know assets: amounts with the digits of their own, a limit for each, gas for each chain."""

from __future__ import annotations

import pytest

from tests.support import ethereum_policy as world
from vault.errors import DocumentError
from vault.money import ETH, USDC, Amount
from vault.policy.document import parse_policy


def refusal(document: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse_policy(document.encode(), name="p.toml")
    return caught.value.message


def test_amounts_of_a_band_are_of_its_own_asset() -> None:
    document, _ = world.policy()
    (band,) = document.band
    assert band.amount(band.min_change) == Amount(USDC, 50_250_000)
    assert band.step_amount == Amount(USDC, 1)
    assert document.movements() == (("sweep", "USDC"), ("top_up", "USDC"))


@pytest.mark.parametrize(
    ("asset", "number", "says"),
    [
        ("USDC", "0.0000001", "at most 6 digits"),
        ("USDT", "0.0000001", "at most 6 digits"),
        ("BTC", "0.000000001", "at most 8 digits"),
        ("ETH", "0.0000000000000000001", "at most 18 digits"),
        ("BTC", "21000001", "at most 21000000 coins"),
        ("ETH", "200000001", "at most 200000000 coins"),
        ("USDC", "1000000000001", "at most 1000000000000 coins"),
        ("USDC", "0", "more than 0"),
    ],
)
def test_refuses_an_amount_that_its_asset_cannot_have_and_says_where(
    asset: str, number: str, says: str
) -> None:
    band = world.BAND.replace('"USDC"', f'"{asset}"').replace('"50.25"', f'"{number}"')
    message = refusal(world.text(band=band))
    assert says in message
    assert "min_change" in message
    limits = world.LIMITS + world.limit(asset, "pay", per_transfer=number)
    assert says in refusal(world.text(limits=limits))


@pytest.mark.parametrize(("asset", "number"), [("ETH", "0.000000000000000001"), ("USDC", "1000000000000")])
def test_takes_the_smallest_and_the_largest_amount_of_an_asset(asset: str, number: str) -> None:
    band = world.BAND.replace('"USDC"', f'"{asset}"').replace('"50.25"', f'"{number}"')
    document, _ = world.policy(band=band)
    assert document.band[0].amount(document.band[0].min_change).number.rstrip("0").rstrip(".") == number


def test_a_limit_of_another_asset_covers_nothing_of_a_band() -> None:
    message = refusal(world.text(limits=world.limit("USDT") + world.limit("ETH")))
    assert "no limit covers sweep of USDC" in message
    sweeps = world.limit("USDC", "sweep") + world.limit("USDT")
    assert "no limit covers top_up of USDC" in refusal(world.text(limits=sweeps))
    evacuation = world.EVACUATION.replace("ASSET", "ETH").replace("safe-ETH", "safe-eth")
    message = refusal(world.text(evacuation=evacuation, limits=world.limit("USDC")))
    assert "no limit covers evacuate of ETH" in message


def test_what_a_person_asks_for_needs_a_limit_in_some_asset_and_what_moves_nothing_none() -> None:
    rule = '[[rule]]\nid = "ask"\neffect = "allow"\naction = "ACTION"\nwhen = "transfer.amount >= 0"\n'
    limits = world.limit("USDC", "sweep") + world.limit("USDC", "top_up")
    message = refusal(world.text(rules=rule.replace("ACTION", "pay"), limits=limits))
    assert "no limit covers pay" in message
    for action in ("revoke", "reconfigure"):
        world.policy(rules=rule.replace("ACTION", action), limits=limits)


def test_a_wallet_is_evacuated_once_for_each_asset() -> None:
    two = "".join(
        world.EVACUATION.replace("safe-ASSET", f"safe-{each.lower()}").replace("ASSET", each)
        for each in ("USDC", "ETH")
    )
    document, _ = world.policy(evacuation=two)
    assert [each.name for each in document.evacuation] == ["evacuation:hot USDC", "evacuation:hot ETH"]
    twice = world.EVACUATION.replace("safe-ASSET", "safe-usdc").replace("ASSET", "USDC") * 2
    assert "found twice: hot USDC" in refusal(world.text(evacuation=twice))


def test_gas_is_ether_and_gwei_to_the_wei() -> None:
    table = world.GAS.replace('"0.05"', '"0.050000000000000001"').replace('"100"', '"0.000000001"')
    document, _ = world.policy(gas=table)
    gas = document.gas_of(1)
    assert gas is not None
    assert gas.max_cost_amount == Amount(ETH, 50_000_000_000_000_001)
    assert (gas.max_fee_wei, gas.name) == (1, "gas:1")
    assert document.gas_of(42161) is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("chain = 1", "chain = 0", "greater than or equal to 1"),
        ("chain = 1", 'chain = "1"', "valid integer"),
        ('"0.05"', '"0"', "more than 0"),
        ('"0.05"', '"0.0000000000000000001"', "at most 18 digits"),
        ('"100"', '"0.0000000001"', "gwei"),
        ('"100"', '"100001"', "gwei"),
        ("window_hours = 24", "window_hours = 0", "greater than or equal to 1"),
        ("window_hours = 24", "window_hours = 999", "less than or equal to 744"),
        ("window_hours", "window_minutes", "unknown key"),
    ],
)
def test_refuses_a_gas_table_that_makes_no_sense(before: str, after: str, says: str) -> None:
    assert says in refusal(world.text(gas=world.GAS.replace(before, after)))


def test_a_chain_has_one_gas_table() -> None:
    assert "gas: expected each once, found twice: 1" in refusal(world.text(gas=world.GAS * 2))


def test_conditions_may_name_gas_where_gas_is_paid() -> None:
    rule = '[[rule]]\nid = "g"\neffect = "allow"\naction = "ACTION"\nwhen = "gas.max_fee <= 50"\n'
    for action in ("top_up", "evacuate", "pay", "bump", "cancel", "revoke", "reconfigure"):
        world.policy(rules=rule.replace("ACTION", action))
    for action in ("sweep", "return", "*"):
        assert "gas.max_fee is no fact" in refusal(world.text(rules=rule.replace("ACTION", action)))
