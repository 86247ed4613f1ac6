"""Owns what people are told: the inbox, and what they agreed to be told; knows nothing of why."""
