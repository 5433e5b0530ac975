"""The table of what other libraries take: the clean PSBTs, and lies that would cost money."""

from __future__ import annotations

import pytest

from tests.attacks.psbt.forged_psbts import FORGED_PSBTS
from tests.attacks.psbt.who_accepts_what import as_markdown, as_text, table


def test_embit_and_bdk_take_the_clean_psbts_and_the_costly_lies() -> None:
    pytest.importorskip("bdkpython")
    rows = table(ask_hwi=False)
    assert len(rows) == len(FORGED_PSBTS) + 1
    by_name = {row.name: row for row in rows}
    for name in ("the clean PSBT", "fee lie in witness_utxo", "change stolen under our path", "fee bomb"):
        row = by_name[name]
        assert row.taken == {"embit": row.kinds, "bdk": row.kinds, "hwi": None}, name
    for told in (as_text(rows), as_markdown(rows)):
        assert "psbt.prevtx_txid" in told
        assert "bdk" in told
