"""Owns the pages that put several domains together: home, my page, public profile, withdrawal; and the demo."""
