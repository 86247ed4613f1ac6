"""Text from the browser to the checked values of challenges."""

from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import DateField, IntegerField, RadioField, SearchField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import HiddenInput

from nene.challenge.terms import (
    MAX_DAYS,
    MAX_FEE,
    MAX_PEOPLE,
    MIN_FEE,
    MIN_PEOPLE,
    Category,
    Filters,
    Sort,
    Status,
    Terms,
)
from nene.kernel.forms import (
    LARGEST_ID,
    WHOLE_NUMBER,
    Form,
    QueryForm,
    choices,
    date_field,
    number_field,
    tidy,
    tidy_line,
)
from nene.kernel.web import arrived_on

CATEGORIES = {
    Category.HEALTH: _("건강"),
    Category.STUDY: _("학습"),
    Category.RELATIONSHIP: _("관계"),
    Category.HABIT: _("습관"),
}
STATUSES = {
    Status.WAITING: _("대기"),
    Status.READY: _("준비"),
    Status.ONGOING: _("진행"),
    Status.FINISHED: _("종료"),
    Status.CANCELED: _("취소"),
}
SORTS = {
    Sort.NEWEST: _("최신순"),
    Sort.STARTING: _("시작 임박순"),
    Sort.POPULAR: _("참가자 많은 순"),
    Sort.POT: _("누적 참가비 순"),
}
PEOPLE_RANGE = NumberRange(MIN_PEOPLE, MAX_PEOPLE, message=_("2명부터 10,000명까지 정할 수 있어요."))


class TermsForm(Form):
    """The terms of a challenge."""

    name = StringField(
        _("이름"),
        [DataRequired(_("이름을 적어 주세요.")), Length(2, 50, message=_("이름은 2자부터 50자까지예요."))],
        filters=[tidy_line],
        description=_("2자부터 50자까지"),
    )
    category = RadioField(
        _("분류"),
        [InputRequired(_("분류를 골라 주세요."))],
        choices=choices(CATEGORIES),
        invalid_choice_message=_("분류를 골라 주세요."),  # type: ignore[call-arg]
        default=Category.HEALTH,
    )
    description = TextAreaField(
        _("어떤 약속인가요?"),
        [DataRequired(_("약속을 적어 주세요.")), Length(1, 2000, message=_("2,000자까지 적을 수 있어요."))],
        filters=[tidy],
        description=_("무엇을 남기면 인증인지 알려 주세요."),
    )
    start_date = date_field(_("시작일"), InputRequired(_("시작일을 골라 주세요.")))
    due_date = date_field(_("종료일"), InputRequired(_("종료일을 골라 주세요.")))
    min_participants = number_field(_("최소 인원"), InputRequired(WHOLE_NUMBER), PEOPLE_RANGE, default=2)
    max_participants = number_field(_("최대 인원"), InputRequired(WHOLE_NUMBER), PEOPLE_RANGE, default=10)

    def validate_start_date(self, field: DateField) -> None:
        """Tomorrow at the earliest (C2)."""
        if field.data and field.data <= arrived_on():
            raise ValidationError(_("시작일은 내일부터 고를 수 있어요."))

    def validate_due_date(self, field: DateField) -> None:
        """After the start, and at most 365 days in all (C2)."""
        start = self.start_date.data
        if not isinstance(start, date) or not field.data:
            return
        if field.data <= start:
            raise ValidationError(_("종료일은 시작일 다음 날부터 고를 수 있어요."))
        if field.data - start >= timedelta(days=MAX_DAYS):
            raise ValidationError(_("챌린지는 365일까지 할 수 있어요."))

    def validate_max_participants(self, field: IntegerField) -> None:
        """At least the minimum."""
        least = self.min_participants.data
        if field.data is not None and least is not None and field.data < least:
            raise ValidationError(_("최대 인원은 최소 인원보다 적을 수 없어요."))

    @property
    def terms(self) -> Terms:
        """The checked terms."""
        values: dict[str, Any] = {
            name: self[name].data
            for name in ("name", "description", "min_participants", "max_participants", "start_date", "due_date")
        }
        return Terms(category=Category(self.category.data), **values)


class OpenForm(TermsForm):
    """A new challenge: the terms, and the fee, which never changes."""

    fee = number_field(
        _("참가비"),
        InputRequired(WHOLE_NUMBER),
        NumberRange(MIN_FEE, MAX_FEE, message=_("참가비는 100P부터 200,000P까지 정할 수 있어요.")),
    )

    @property
    def points(self) -> int:
        """The checked fee."""
        return self.fee.data or 0


class JoinForm(Form):
    """The version of the terms that the person has read."""

    version = number_field(_("약속"), InputRequired(_("약속을 다시 읽고 눌러 주세요.")), widget=HiddenInput())

    @property
    def read_version(self) -> int:
        """The checked version."""
        return self.version.data or 0


class VerifyForm(Form):
    """One day's proof."""

    content = TextAreaField(
        _("오늘은 어떻게 해냈나요?"),
        [
            DataRequired(_("한 줄이라도 적어 주세요.")),
            Length(1, 255, message=_("255자까지 적을 수 있어요.")),
        ],
        filters=[tidy],
        description=_("하루에 한 번, 오늘 밤 12시까지예요."),
    )


class FilterForm(QueryForm):
    """Which challenges to list."""

    q = SearchField(_("찾기"), [Optional(), Length(max=50)], filters=[tidy])
    status = SelectField(_("상태"), [Optional()], choices=choices(STATUSES, every=_("전체")), default="")
    category = SelectField(_("분류"), [Optional()], choices=choices(CATEGORIES, every=_("전체")), default="")
    min_fee = number_field(_("참가비 최소"), Optional(), NumberRange(0, MAX_FEE))
    max_fee = number_field(_("참가비 최대"), Optional(), NumberRange(0, MAX_FEE))
    starts_from = date_field(_("시작일부터"), Optional())
    due_until = date_field(_("종료일까지"), Optional())
    sort = SelectField(_("정렬"), [Optional()], choices=choices(SORTS), default=Sort.NEWEST)

    @property
    def filters(self) -> Filters:
        """The checked filters."""
        return Filters(
            q=self.q.data or "",
            status=Status(self.status.data) if self.status.data else None,
            category=Category(self.category.data) if self.category.data else None,
            min_fee=self.min_fee.data,
            max_fee=self.max_fee.data,
            starts_from=self.starts_from.data,
            due_until=self.due_until.data,
            sort=Sort(self.sort.data or Sort.NEWEST),
        )


class FeedForm(QueryForm):
    """Whose verifications, and with what text."""

    user_id = number_field(_("참가자"), Optional(), NumberRange(1, LARGEST_ID))
    q = SearchField(_("내용"), [Optional(), Length(max=50)], filters=[tidy])


class MineForm(QueryForm):
    """Which of my challenges."""

    status = SelectField(_("상태"), [Optional()], choices=choices(STATUSES, every=_("전체")), default="")

    @property
    def chosen(self) -> Status | None:
        """The checked status."""
        return Status(self.status.data) if self.status.data else None
