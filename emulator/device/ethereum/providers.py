"""Contracts OneKey names when a token approval is made out to them; facts.

Only a name on a screen depends on them.
"""

from __future__ import annotations

_APPROVERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("1inch", "111111125421ca6dc452d289314280a0f8842a65", (1, 10, 56, 137, 250, 8453, 42161, 43114)),
    ("OKX", "40aa958dd87fc8305b97f2ba922cddca374bcd7f", (1, 43114)),
    ("0x", "0000000000001ff3684f28c67538d4d072c22734", (1, 10, 56, 137, 8453, 42161, 43114)),
    ("CoW", "c92e8bdf79f0507f65a392b0ab4667716bfe0110", (1, 8453, 42161)),
    (
        "Socket",
        "3a23f943181408eac424116af7b7790c94cb97a5",
        (1, 10, 56, 100, 137, 250, 1101, 5000, 8453, 34443, 42161, 43114, 59144, 81457, 1313161554),
    ),
    ("OKX", "68d6b739d2020067d1e2f713b999da97e4d54812", (10,)),
    ("OKX", "2c34a2fb1d0b4f55de51e1d0bdefaddce6b7cdd6", (56,)),
    ("OKX", "70cbb871e8f30fc8ce23609e9e0ea87b6b222f58", (66, 250, 42161)),
    ("OKX", "3b86917369b83a6892f553609f3c2f439c184e31", (137,)),
    ("OKX", "d321ab5589d3e8fa5df985ccfef625022e2dd910", (146,)),
    ("OKX", "c67879f4065d3b9fe1c09ee990b891aa8e3a4c2f", (324,)),
    ("OKX", "57df6092665eb6058de53939612413ff4b09114e", (1088, 1101, 5000, 8453, 59144, 534352)),
    ("OKX", "801d8ed849039007a7170830623180396492c7ed", (1329,)),
    ("OKX", "03b5acda01207824cc7bc21783ee5aa2b8d1d2fe", (7000,)),
    ("OKX", "bd0ebe49779e154e5042b34d5bcfbc498e4b3249", (34443,)),
    ("OKX", "5fd2dc91ff1de7ff4aeb1cacef8e9911baaeca68", (81457,)),
    ("OKX", "2e28281cf3d58f475cebe27bec4b8a23dfc7782c", (130,)),
)
_NAMES = {(chain, bytes.fromhex(address)): name for name, address, chains in _APPROVERS for chain in chains}


def provider_name(chain_id: int, spender: bytes) -> str | None:
    """Whose contract a spender is, None for an unknown one."""
    return _NAMES.get((chain_id, bytes(spender)))
