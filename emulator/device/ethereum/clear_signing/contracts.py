"""Contracts core firmware knows by name, and the canonical wrapped-ether contracts; facts.

Only names on screens, and which built-in display formats apply, depend on them.
"""

from __future__ import annotations

_NAMED: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("1inch Aggregation Router V6", "111111125421ca6dc452d289314280a0f8842a65", (1,)),
    ("LiFI Diamond", "1231deb6f5749ef6ce6943a275a1d3e7486f4eae", (1,)),
    ("Uniswap V3 Router", "68b3465833fb72a70ecdf485e0e4c7bd8665fc45", (1,)),
    ("Uniswap V3 Router", "e592427a0aece92de3edee1f18e0157c05861564", (1,)),
    ("Lido", "889edc2edab5f40e902b864ad4d7ade8e412f9b1", (1,)),
    ("Lido", "ae7ab96520de3a18e5e111b5eaab095312d7fe84", (1,)),
    ("Lido", "a88f0329c2c4ce51ba3fc619bbf44efe7120dd0d", (1,)),
    ("Lido", "7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0", (1,)),
    ("Morpho", "bbbbbbbbbb9cc5e90e3b3af64bdaf62c37eeffcb", (1, 8453)),
    ("Morpho", "6566194141eefa99af43bb5aa71460ca2dc90245", (1,)),
    ("Morpho", "6bfd8137e702540e7a42b74178a4a49ba43920c4", (8453,)),
    ("Kiln", "576834cb068e677db4aff6ca245c7bde16c3867e", (1,)),
    ("Kiln", "004c226fff73aa94b78a4df1a0e861797ba16819", (1,)),
    ("Kiln", "8659eeff31cfcff580d37af8e7af250f8998aa83", (1,)),
    ("Ethena", "9d39a5de30e57443bff2a8307a4256c8797a3497", (1,)),
    ("StarkGate", "ce5485cfb26914c5dce00b9baf0580364dafc7a4", (1,)),
    ("WalletConnect", "521b4c065bbdbe3e20b3727340730936912dfa46", (10,)),
    ("WalletConnect", "ef4461891dfb3ac8572ccf7c794664a8dd927945", (10, 1, 8453)),
    ("Core Stake", "0000000000000000000000000000000000001011", (1116,)),
    ("Core Stake", "0000000000000000000000000000000000001010", (1116,)),
    ("yield.xyz", "b929b89153fc2eed442e81e5a1add4e2fa39028f", (1,)),
    ("yield.xyz", "56d783ca8e0b998c57a428bf1c26a8baca50524e", (1,)),
    ("yield.xyz", "857679d69fe50e7b722f94acd2629d80c355163d", (1,)),
    ("yield.xyz", "f30cf4ed712d3734161fdaab5b1dbb49fd2d0e5c", (1,)),
    ("yield.xyz", "5a10de50160126a5f936506bd342c541ac44e943", (1,)),
    ("yield.xyz", "35b1ca0f398905cf752e6fe122b51c88022fca32", (1,)),
    ("yield.xyz", "d9e6987d77bf2c6d0647b8181fd68a259f838c36", (1,)),
    ("yield.xyz", "d14a87025109013b0a2354a775cb335f926af65a", (1,)),
    ("yield.xyz", "a6e768fef2d1af36c0cfdb276422e7881a83e951", (1,)),
    ("yield.xyz", "467585aaea860f9d8b3b43bb994e4da8a93788a7", (1,)),
    ("yield.xyz", "06998af8f39ff8630d1fb515d22781da4dc2ca71", (1,)),
    ("yield.xyz", "875e901465a639f2e71fcfc10f426ed32f5a909a", (1,)),
    ("yield.xyz", "2905b3387c9550ea57fa3ee7d4b7e5abf3acd3d2", (1,)),
    ("yield.xyz", "15c2b3adca66e26b6f230b4023f52a285b7f9995", (1,)),
    ("Trezor Test. DO NOT USE", "dddddddddddddddddddddddddddddddddddddddd", (1,)),
)
_WRAPPED_ETHER = (
    (1, "c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
    (10, "4200000000000000000000000000000000000006"),
    (42161, "82af49447d8a07e3bd95bd0d56f35241523fbab1"),
    (8453, "4200000000000000000000000000000000000006"),
    (11155111, "7b79995e5f793a07bc00c21412e50ecae098e7f9"),
    (17000, "94373a4919b3240d86ea41593d5eba789fef3848"),
)

WRAPPED_ETHER = frozenset((chain, bytes.fromhex(address)) for chain, address in _WRAPPED_ETHER)
_NAMES = {(chain, bytes.fromhex(address)): name for name, address, chains in _NAMED for chain in chains}
_NAMES.update(dict.fromkeys(WRAPPED_ETHER, "WETH"))


def contract_name(chain_id: int, address: bytes) -> str | None:
    """The name of a well-known contract, None for any other."""
    return _NAMES.get((chain_id, bytes(address)))
