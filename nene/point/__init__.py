"""Owns points: wallets, escrows, the double-entry ledger and the lots; knows nothing of what points are staked on."""
