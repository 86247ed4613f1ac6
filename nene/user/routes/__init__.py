"""The URL table of users, one file for each thing they do."""

from nene.user.routes import account, people, profile, recovery, social
from nene.user.routes.blueprint import blueprint

__all__ = ["account", "blueprint", "people", "profile", "recovery", "social"]
