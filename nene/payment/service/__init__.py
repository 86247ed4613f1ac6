"""What people, jobs and other domains may ask of payments."""

from nene.payment.service.cancel import cancel, refund_rests, send_refund, void
from nene.payment.service.charge import charge, recharge
from nene.payment.service.check import check
from nene.payment.service.learn import alert
from nene.payment.service.reconcile import differences, forget_webhooks, reconcile, reconcile_due, take_webhook
from nene.payment.service.show import Receipt, count_unfinished, find_own, history, receipt, refundable
from nene.payment.service.start import confirm, left_this_month, start_payment

__all__ = [
    "Receipt",
    "alert",
    "cancel",
    "charge",
    "check",
    "confirm",
    "count_unfinished",
    "differences",
    "find_own",
    "forget_webhooks",
    "history",
    "left_this_month",
    "receipt",
    "recharge",
    "reconcile",
    "reconcile_due",
    "refund_rests",
    "refundable",
    "send_refund",
    "start_payment",
    "take_webhook",
    "void",
]
