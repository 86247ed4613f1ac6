"""Owns challenges: the promise, its participants, their daily verifications, and the settlement of the pot."""
