"""Nene: people stake points on a habit, and those who keep it share the pot."""
