"""The display formats core firmware brings: tokens, 1inch, Uniswap V3, wrapped ether, and a test contract.

https://github.com/ethereum/clear-signing-erc7730-registry
"""

from __future__ import annotations

from functools import cache

from .abi import parse_types
from .contracts import WRAPPED_ETHER
from .fields import RECIPIENT, SENDER, VALUE, Format, Path, TokenAmount, Unit, address_name, amount, date, raw
from .formats import DisplayFormat, Field

Contracts = frozenset[tuple[int, bytes]]

_UNLIMITED_FROM = 1 << 255  # an allowance above it counts as unlimited
_LAST_20 = (-20, None)
_FIRST_20 = (0, 20)


def _format(
    selector: str,
    intent: str,
    types: str,
    lines: list[tuple[str, Path, Format]],
    *,
    provider: str | None = None,
    contracts: Contracts | None = None,
) -> DisplayFormat:
    fields = tuple(Field(label, path, form) for label, path, form in lines)
    return DisplayFormat(bytes.fromhex(selector), intent, parse_types(types), fields, provider, contracts)


APPROVE = _format(
    "095ea7b3",
    "Approve",
    "address uint256",
    [
        ("Spender", (0,), address_name),
        ("Amount", (1,), TokenAmount(RECIPIENT, threshold=_UNLIMITED_FROM)),
    ],
)
TRANSFER = _format(
    "a9059cbb",
    "Send",
    "address uint256",
    [("To", (0,), address_name), ("Amount", (1,), TokenAmount(RECIPIENT))],
)

_ONEINCH = "1inch Aggregation Router V6"
_ONEINCH_ADDRESS = bytes.fromhex("111111125421ca6dc452d289314280a0f8842a65")
_ONEINCH_CHAINS = (1, 10, 56, 100, 137, 146, 250, 8217, 8453, 42161, 43114, 59144, 1313161554)
_ONEINCH_NATIVE = (b"\xee" * 20, bytes(20))

# unoswap and its kin: selector, whether a recipient comes first, whether ether is sold (then no
# token and no amount are among the parameters), and the number of pools.
_UNOSWAPS = (
    ("83800a8e", False, False, 1),
    ("e2c95c82", True, False, 1),
    ("8770ba91", False, False, 2),
    ("19367472", False, False, 3),
    ("ea76dddf", True, False, 2),
    ("f7a70056", True, False, 3),
    ("a76dfc3b", False, True, 1),
    ("89af926a", False, True, 2),
    ("188ac35d", False, True, 3),
    ("175accdc", True, True, 1),
    ("0f449d71", True, True, 2),
    ("493189f0", True, True, 3),
)


def _unoswap(
    selector: str, contracts: Contracts, *, to_other: bool, sells_ether: bool, pools: int
) -> DisplayFormat:
    """Words packed with flags: a token, a recipient or a pool is the low 20 bytes of each."""
    types = ["bytes32"] if to_other else []
    spent: tuple[str, Path, Format] = ("Amount to Send", VALUE, amount)
    if not sells_ether:
        token = len(types)
        types += ["bytes32", "uint256"]
        form = TokenAmount((token, _LAST_20), native=_ONEINCH_NATIVE)
        spent = ("Amount to Send", (token + 1,), form)
    types += ["uint256", *["uint256"] * (pools - 1), "bytes32"]
    beneficiary: Path = (0, _LAST_20) if to_other else SENDER
    lines: list[tuple[str, Path, Format]] = [
        spent,
        ("Beneficiary", beneficiary, address_name),
        ("Last Pool", (len(types) - 1, _LAST_20), address_name),
    ]
    return _format(selector, "Swap", " ".join(types), lines, provider=_ONEINCH, contracts=contracts)


def _oneinch() -> list[DisplayFormat]:
    contracts = frozenset((chain, _ONEINCH_ADDRESS) for chain in _ONEINCH_CHAINS)
    swap = _format(
        "07ed2379",
        "Swap",
        "address (address,address,address,address,uint256,uint256,uint256) bytes",
        [
            ("Amount to Send", (1, 4), TokenAmount((1, 0), native=_ONEINCH_NATIVE)),
            ("Minimum to Receive", (1, 5), TokenAmount((1, 1), native=_ONEINCH_NATIVE)),
            ("Beneficiary", (1, 3), address_name),
        ],
        provider=_ONEINCH,
        contracts=contracts,
    )
    rest = [
        _unoswap(selector, contracts, to_other=to_other, sells_ether=ether, pools=pools)
        for selector, to_other, ether, pools in _UNOSWAPS
    ]
    return [swap, *rest]


_UNISWAP = "Uniswap V3 Router"
_UNISWAP_CONTRACTS = frozenset({(1, bytes.fromhex("68b3465833fb72a70ecdf485e0e4c7bd8665fc45"))})
_UNISWAP_SINGLE = "(address,address,uint24,address,uint256,uint256,uint160)"
_UNISWAP_PATH = "(bytes,address,uint256,uint256)"


def _uniswap_single(selector: str, first: tuple[str, int], second: tuple[str, int]) -> DisplayFormat:
    lines: list[tuple[str, Path, Format]] = [
        (first[0], (0, first[1]), TokenAmount((0, 0))),
        (second[0], (0, second[1]), TokenAmount((0, 1))),
        ("Uniswap fee", (0, 2), Unit(decimals=4, base="%")),
        ("Beneficiary", (0, 3), address_name),
    ]
    return _format(selector, "Swap", _UNISWAP_SINGLE, lines, provider=_UNISWAP, contracts=_UNISWAP_CONTRACTS)


def _uniswap_path(
    selector: str, first: tuple[str, int], second: tuple[str, int], *, backwards: bool
) -> DisplayFormat:
    """The route is packed; of an exact output it is written from its end."""
    ends = (_LAST_20, _FIRST_20) if backwards else (_FIRST_20, _LAST_20)
    lines: list[tuple[str, Path, Format]] = [
        (first[0], (0, first[1]), TokenAmount((0, 0, ends[0]))),
        (second[0], (0, second[1]), TokenAmount((0, 0, ends[1]))),
        ("Beneficiary", (0, 1), address_name),
    ]
    return _format(selector, "Swap", _UNISWAP_PATH, lines, provider=_UNISWAP, contracts=_UNISWAP_CONTRACTS)


def _uniswap() -> list[DisplayFormat]:
    sent, least = ("Amount to Send", 2), ("Minimum to Receive", 3)
    most, received = ("Maximum Amount In", 3), ("Amount to Receive", 2)
    return [
        _uniswap_path("b858183f", sent, least, backwards=False),
        _uniswap_single("04e45aaf", ("Send", 4), ("Minimum to Receive", 5)),
        _uniswap_path("09b81346", most, received, backwards=True),
        _uniswap_single("5023b4df", ("Maximum Amount In", 5), ("Amount to Receive", 4)),
    ]


def _wrapped_ether() -> list[DisplayFormat]:
    wrap, unwrap = "Wrap ETH to WETH", "Unwrap WETH to ETH"
    return [
        _format("d0e30db0", wrap, "", [("Amount", VALUE, amount)], contracts=WRAPPED_ETHER),
        _format("2e1a7d4d", unwrap, "uint256", [("Amount", (0,), amount)], contracts=WRAPPED_ETHER),
    ]


_TEST = "Trezor Test. DO NOT USE"
_TEST_CONTRACTS = frozenset({(1, b"\xdd" * 20)})
_TEST_TOKEN = TokenAmount(fixed_token=b"\xee" * 20)


def _test_contract() -> list[DisplayFormat]:
    """A contract that does not exist, for the device's own tests; debug firmware has it."""
    scalars: list[tuple[str, Path, Format]] = [
        ("Recipient", (0,), address_name),
        ("Native Amount", (1,), amount),
        ("Raw Integer", (2,), raw),
        ("Unit Value", (3,), Unit(decimals=2, base=" UNIT")),
        ("Date", (4,), date),
        ("Raw Bytes32", (5,), raw),
        ("Raw Bool", (6,), raw),
        ("Raw Uint160", (7,), raw),
        ("Raw String", (8,), raw),
        ("Raw Bytes", (9,), raw),
    ]
    tokens: list[tuple[str, Path, Format]] = [
        ("Token (via path)", (1,), TokenAmount((0,))),
        ("Token (via constant)", (2,), _TEST_TOKEN),
    ]
    arrays: list[tuple[str, Path, Format]] = [
        ("Amounts (array)", (0,), raw),
        ("Token Amounts (array)", (1,), _TEST_TOKEN),
        ("Dates (array)", (2,), date),
    ]
    paths: list[tuple[str, Path, Format]] = [
        ("Token (path[0:20] slice)", (0,), TokenAmount((1, _FIRST_20))),
        ("Token (path[-20:] slice)", (0,), TokenAmount((1, _LAST_20))),
        ("Token (nested swap[0])", (2, 0, 2), TokenAmount((2, 0, 0))),
        ("Token (neg index swap[-1], native)", (2, -1, 2), TokenAmount((2, -1, 1), native=(bytes(20),))),
    ]
    scalar_types = "address uint256 uint256 uint256 uint256 bytes32 bool uint160 string bytes"
    table = (
        ("7e577e01", "Scalars", scalar_types, scalars),
        ("7e577e02", "Token", "address uint256 uint256", tokens),
        ("7e577e03", "Arrays", "uint256[] uint256[] uint256[]", arrays),
        ("7e577e04", "Paths", "uint256 bytes (address,address,uint256)[]", paths),
    )
    return [
        _format(
            selector,
            f"Trezor Test {what}. DO NOT USE",
            types,
            lines,
            provider=_TEST,
            contracts=_TEST_CONTRACTS,
        )
        for selector, what, types, lines in table
    ]


@cache
def built_in_formats() -> tuple[DisplayFormat, ...]:
    """All of them, in the order in which they are tried."""
    rest = (*_oneinch(), *_uniswap(), *_wrapped_ether(), *_test_contract())
    return (APPROVE, TRANSFER, *rest)
