"""Owns accounts, profiles, consents and sessions; knows nothing of challenges, and of points only that a wallet opens."""
