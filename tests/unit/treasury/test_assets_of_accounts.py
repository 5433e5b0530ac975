"""Which assets an account has: those that somebody wrote down, else what the registry has on its chain."""

from __future__ import annotations

from typing import Any

import pytest

from vault.config_chains import AccountSettings, ChainSettings
from vault.errors import EthereumError
from vault.ethereum.chains import CHAINS
from vault.ethereum.tokens import TOKENS
from vault.treasury.ethereum.accounts import assets_of

ADDRESS = "0x1111111111111111111111111111111111111111"


def chain(number: int) -> ChainSettings:
    return ChainSettings(name="here", id=number, rpc="http://127.0.0.1:1")


def account(**more: Any) -> AccountSettings:
    return AccountSettings(name="hot", role="cold", chain="here", address=ADDRESS, **more)


@pytest.mark.parametrize("number", CHAINS)
def test_where_nothing_is_written_down_it_is_ether_and_every_registered_token(number: int) -> None:
    found = dict(assets_of(chain(number), account()))
    assert found.pop("ETH") is None
    assert set(found.values()) == {each for each in TOKENS if each.chain_id == number}


@pytest.mark.parametrize("number", [8453, 11155111])
def test_only_what_was_written_down_by_hand_is_an_unknown_token(number: int) -> None:
    assert [asset for asset, _ in assets_of(chain(number), account())] == ["ETH", "USDC"]
    with pytest.raises(EthereumError) as caught:
        assets_of(chain(number), account(assets=("ETH", "USDT")))
    assert caught.value.code == "ethereum.unknown_token"


def test_what_is_written_down_is_all() -> None:
    assert assets_of(chain(8453), account(assets=("ETH",))) == (("ETH", None),)
