"""Owns what staff and operators see and do across all domains."""
