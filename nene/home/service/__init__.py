"""Pages and steps that look into several domains."""

from nene.home.service.demo import add_members, seed
from nene.home.service.leave import reasons_to_stay, withdraw
from nene.home.service.pages import Home, MyPage, Profile, home_of, my_page, profile_of

__all__ = [
    "Home",
    "MyPage",
    "Profile",
    "add_members",
    "home_of",
    "my_page",
    "profile_of",
    "reasons_to_stay",
    "seed",
    "withdraw",
]
