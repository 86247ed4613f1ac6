"""Pages and steps that look into several domains."""

from nene.home.service.demo import add_members, seed
from nene.home.service.leave import Leaving, leaving_of, refund_rests, withdraw
from nene.home.service.pages import Home, MyPage, Profile, home_of, my_page, profile_of

__all__ = [
    "Home",
    "Leaving",
    "MyPage",
    "Profile",
    "add_members",
    "home_of",
    "leaving_of",
    "my_page",
    "profile_of",
    "refund_rests",
    "seed",
    "withdraw",
]
