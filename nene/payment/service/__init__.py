"""What people, jobs and other domains may ask of payments."""

from nene.payment.service.cancel import cancel, refund_rests, send_refund, void
from nene.payment.service.charge import charge, recharge
from nene.payment.service.check import check
from nene.payment.service.compare import Difference, compare, differences
from nene.payment.service.learn import alert
from nene.payment.service.reconcile import forget_webhooks, look, reconcile, reconcile_due, take_webhook
from nene.payment.service.rest import Part, list_rests, list_returned, list_unfinished
from nene.payment.service.show import Receipt, customer_key, find_own, find_stopped, history, offer, receipt
from nene.payment.service.start import confirm, start_payment

__all__ = [
    "Difference",
    "Part",
    "Receipt",
    "alert",
    "cancel",
    "charge",
    "check",
    "compare",
    "confirm",
    "customer_key",
    "differences",
    "find_own",
    "find_stopped",
    "forget_webhooks",
    "history",
    "list_rests",
    "list_returned",
    "list_unfinished",
    "look",
    "offer",
    "receipt",
    "recharge",
    "reconcile",
    "reconcile_due",
    "refund_rests",
    "send_refund",
    "start_payment",
    "take_webhook",
    "void",
]
