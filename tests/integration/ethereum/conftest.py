"""Chains for the tests of this folder."""

from __future__ import annotations

from tests.support.ethereum_chains import ethereum_chain
from tests.support.ethereum_venue_fixtures import bench, desk, payer, refused, told, venues

__all__ = ["bench", "desk", "ethereum_chain", "payer", "refused", "told", "venues"]
