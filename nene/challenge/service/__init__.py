"""What a person, a job or another domain may ask of challenges."""

from nene.challenge.service.advance import Done, advance, catch_up, preview
from nene.challenge.service.check import check
from nene.challenge.service.host import cancel_challenge, close_recruiting, edit_challenge, open_challenge
from nene.challenge.service.list import (
    list_challenges,
    list_mine,
    list_running,
    open_stakes,
    record_of,
    starting_soon,
    unfinished,
)
from nene.challenge.service.participate import join_challenge, look_before, quit_challenge
from nene.challenge.service.settlement import settlement_of
from nene.challenge.service.show import Detail, feed, members, my_card, show_challenge, terms_to_edit
from nene.challenge.service.verify import Verified, verify

__all__ = [
    "Detail",
    "Done",
    "Verified",
    "advance",
    "cancel_challenge",
    "catch_up",
    "check",
    "close_recruiting",
    "edit_challenge",
    "feed",
    "join_challenge",
    "list_challenges",
    "list_mine",
    "list_running",
    "look_before",
    "members",
    "my_card",
    "open_challenge",
    "open_stakes",
    "preview",
    "quit_challenge",
    "record_of",
    "settlement_of",
    "show_challenge",
    "starting_soon",
    "terms_to_edit",
    "unfinished",
    "verify",
]
