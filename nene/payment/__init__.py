"""Owns payments: money that becomes points, and money that goes back; knows nothing of what points are staked on."""
