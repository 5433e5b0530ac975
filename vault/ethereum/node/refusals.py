"""What a node's own words mean: geth, erigon, nethermind, besu, anvil and py-evm word the same refusal apart.

Pure. Words that are not known are not guessed: the caller says so, or asks what became of it.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Sending = Literal[
    "known", "stale_nonce", "nonce_gap", "underpriced_replacement", "underpriced", "insufficient_funds"
]

# The order decides: "replacement transaction underpriced" also reads as "transaction underpriced".
# geth core/txpool/errors.go and core/error.go; nethermind AcceptTxResult.cs; besu TransactionInvalidReason;
# anvil eth/error.rs; erigon txpool/txpoolcfg; eth-tester's py-evm.
_SENDING: Final[tuple[tuple[Sending, str], ...]] = (
    ("known", r"already ?known|already imported|known transaction|already exists"),
    (
        "underpriced_replacement",
        r"replacement transaction underpriced|could not replace existing|replacement ?not ?allowed"
        r"|replacement ?transaction|gas price too low to replace|underpriced to replace",
    ),
    (
        "stale_nonce",
        r"nonce (is )?too low|old ?nonce|nonce .*already used|invalid transaction nonce.*low",
    ),
    ("nonce_gap", r"nonce (is )?too high|nonce ?gap|gapped.nonce|nonce too distant"),
    (
        "underpriced",
        r"underpriced|fee ?too ?low|gas price (is )?(too low|below)|less than block base fee"
        r"|(tip|priority fee).*(below|too low)|max fee per gas less",
    ),
    (
        "insufficient_funds",
        r"insufficient ?funds|insufficient balance|upfront cost exceeds|cannot afford"
        r"|sender (doesn't|does not) have enough funds",
    ),
)
_REVERTED: Final = re.compile(
    r"revert|vm execution error|vm exception|out of ?gas|invalid opcode|invalidfeopcode|opcode not found"
    r"|stack (under|over)flow|invalid jump|write protection|static ?(call|state)|evm error"
    r"|max(imum)? call depth|contract creation|gas uint64 overflow",
    re.IGNORECASE | re.ASCII,
)
_NO_BLOCK: Final = re.compile(
    r"(header|block|hash|resource).*not (found|currently canonical)|not ?canonical|unknown block"
    r"|block ?out ?of ?range|could not find block|missing trie node|state .*(not |un)available|pruned",
    re.IGNORECASE | re.ASCII,
)
_NO_METHOD: Final = re.compile(
    r"method .*(not (found|available|supported|exist|allowed)|does(n't| not) exist)|unsupported method"
    r"|method not found|not implemented",
    re.IGNORECASE | re.ASCII,
)
_TOO_MUCH: Final = re.compile(
    r"too (many|large|big|wide)|more than|exceed|limit|range|timeout|timed out|response size",
    re.IGNORECASE | re.ASCII,
)
_TOO_OFTEN: Final = re.compile(
    r"\brate\b|per second|compute units|too many requests|credits", re.IGNORECASE | re.ASCII
)
_PASSING: Final = re.compile(
    r"time(d)? ?out|deadline|cancel|internal|gateway|unavailable|overload", re.IGNORECASE | re.ASCII
)
# EIP-1474 and JSON-RPC 2.0: invalid request, params, method; rejected; limits; and what geth says by default.
_SURE: Final = frozenset({-32600, -32601, -32602, -32000, -32003, -32005, -32010})


def sending_refusal(words: str) -> Sending | None:
    """Why a node did not take a transaction, or that it has it; None where its words are not known."""
    flags = re.IGNORECASE | re.ASCII
    return next((kind for kind, pattern in _SENDING if re.search(pattern, words, flags)), None)


def surely_refused(code: int, words: str) -> bool:
    """Whether an error in other words still says that a transaction was not taken."""
    return code in _SURE and not _PASSING.search(words)


def reverted(code: int, words: str) -> bool:
    """Whether the call itself failed (code 3: geth), and not the question."""
    return code in {3, -32015} or bool(_REVERTED.search(words))


def no_block(words: str) -> bool:
    """Whether the node lacks the block, or its state, or no longer has it in its best chain."""
    return bool(_NO_BLOCK.search(words))


def no_method(code: int, words: str) -> bool:
    return code in {-32601, -32004} or bool(_NO_METHOD.search(words))


def too_much(code: int, words: str) -> bool:
    """Whether fewer blocks at once may be answered."""
    return not _TOO_OFTEN.search(words) and (code == -32005 or bool(_TOO_MUCH.search(words)))
