"""What is found by what, in which order: one table for both backends, and a plain model to compare them with."""

import random
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nene.kernel.search import Document, Query, normalise

DAY = datetime(2026, 11, 1, tzinfo=UTC)
FAMILY = "👨‍👩‍👧"


@dataclass(frozen=True)
class Case:
    """A query, and the numbers that it finds, in order."""

    why: str
    query: Query
    found: list[int]


def thing(key: int, name: str = "", note: str = "", *, days: int = 0, tags: set[str] | None = None) -> Document:
    return Document(key, DAY + timedelta(days=days), {"name": name, "note": note}, frozenset(tags or ()))


DOCUMENTS = [
    thing(1, "김밥", days=1),
    thing(2, "김밥천국", days=2),
    thing(3, "참치김밥", days=3),
    thing(4, "분식", "김밥과 라면", days=4),
    thing(5, "Morning Run", "Wake up at SIX", days=5),
    thing(6, "ＡＢＣ 챌린지", days=6),
    thing(7, unicodedata.normalize("NFD", "한강 달리기"), days=7),
    thing(8, "100%_확실", r"back\slash 'single' \"double\" $1", days=8),
    thing(9, "100 확실", days=9),
    thing(10, f"축하🎉 {FAMILY}", days=10),
    thing(11, "가" * 64, days=11),
    thing(12, "가" * 65, days=12),
    thing(13, "가나 나다", "다가", days=13),  # the pairs of 가나다가, but 다가 stands elsewhere
    thing(14, "쌍둥이", days=14),
    thing(15, "쌍둥이", days=14),
    thing(16, "Straße", days=16),
    thing(17, "나이키 운동화", days=17, tags={"status=ON_SALE", "mail=shoes@nene.test"}),
    thing(18, "나이키 양말", days=18, tags={"status=HIDDEN"}),
    thing(19, "긴 소개", "소" * 10_000 + "끝", days=19),
    thing(20, "운동", days=20, tags={"status=ON_SALE"}),
]
ON_SALE = frozenset({"status=ON_SALE"})
CASES = [
    Case("the same, then what begins with it, then what it is inside of", Query("김밥"), [1, 2, 4, 3]),
    Case("one syllable", Query("밥"), [4, 3, 2, 1]),
    Case("one syllable that begins a name", Query("김"), [2, 1, 4, 3]),
    Case("three syllables", Query("밥천국"), [2]),
    Case("blanks count on neither side", Query("참 치 김\t밥"), [3]),
    Case("across a blank", Query("과라"), [4]),
    Case("case does not count", Query("mORNINGrUN"), [5]),
    Case("English inside a text", Query("p at s"), [5]),
    Case("full-width letters are letters", Query("abc"), [6]),
    Case("letters find full-width letters", Query("ｂｃ챌"), [6]),
    Case("a document of decomposed jamo", Query("한강달"), [7]),
    Case("a query of decomposed jamo", Query(unicodedata.normalize("NFD", "김밥천")), [2]),
    Case("a percent sign is a percent sign", Query("0%"), [8]),
    Case("a percent sign alone", Query("%"), [8]),
    Case("an underscore is an underscore", Query("_확"), [8]),
    Case("an underscore alone", Query("_"), [8]),
    Case("a backslash", Query("k\\s"), [8]),
    Case("a backslash alone", Query("\\"), [8]),
    Case("quotes", Query("'single'"), [8]),
    Case("double quotes", Query('\\"double'), [8]),
    Case("an emoji", Query("🎉"), [10]),
    Case("emoji joined to one", Query(FAMILY), [10]),
    Case("half of a joined emoji", Query("👧"), [10]),
    Case("64 characters", Query("가" * 64), [11, 12]),
    Case("the 65th does not count", Query("가" * 64 + "나"), [11, 12]),
    Case("pairs that do not follow each other", Query("가나다가"), []),
    Case("but those that do", Query("가나나다"), [13]),
    Case("of two from the same moment the later number", Query("쌍둥이"), [15, 14]),
    Case("as two letters what is written as one", Query("STRASSE"), [16]),
    Case("the end of a long text", Query("소끝"), [19]),
    Case("nothing has it", Query("없는 말"), []),
    Case("what no database can hold does not count", Query("김\0밥\ud800천"), [2]),
    Case("a field alone", Query("김밥", fields=("note",)), [4]),
    Case("the main field alone", Query("김밥", fields=("name",)), [1, 2, 3]),
    Case("with a tag", Query("나이키", and_tags=ON_SALE), [17]),
    Case("with two tags", Query("나이키", and_tags=ON_SALE | {"mail=shoes@nene.test"}), [17]),
    Case("with a tag that nothing has", Query("나이키", and_tags=frozenset({"status=NONE"})), []),
    Case("inside, with a tag", Query("동", and_tags=ON_SALE), [20, 17]),
    Case("a tag instead of the text", Query("shoes@nene.test", or_tags=frozenset({"mail=shoes@nene.test"})), [17]),
    Case("half of a tag", Query("shoes@nene", or_tags=frozenset({"mail=shoes@nene"})), []),
    Case("the text or a tag", Query("김밥", or_tags=frozenset({"mail=shoes@nene.test"})), [1, 2, 17, 4, 3]),
    Case("a tag, or, of those that", Query("김", or_tags=ON_SALE, and_tags=frozenset({"status=HIDDEN"})), []),
    Case("nothing is asked: everything, newest first", Query(), [20, 19, 18, 17, 16, 15, 14, *range(13, 0, -1)]),
    Case("only blanks are nothing", Query(" \u3000\t", and_tags=ON_SALE), [20, 17]),
    Case("nothing is asked, and tags instead do not matter", Query(or_tags=ON_SALE, and_tags=ON_SALE), [20, 17]),
]


def model(documents: Mapping[int, Document], query: Query, main: str = "name") -> list[int]:
    """The same search, by looking at everything."""
    text = normalise(query.text)[:64]
    found = [
        (tier, document.created_at, document.id)
        for document in documents.values()
        if query.and_tags <= document.tags and (tier := _tier(document, query, text, main))
    ]
    return [key for _tier_, _created_at, key in sorted(found, reverse=True)]


def _tier(document: Document, query: Query, text: str, main: str) -> int:
    texts = {field: normalise(value) for field, value in document.texts.items()}
    fields = query.fields or tuple(texts)
    if not text:
        return 1
    if main in fields and texts[main].startswith(text):
        return 10 if texts[main] == text else 5
    return int(any(text in texts[field] for field in fields) or bool(query.or_tags & document.tags))


def random_documents(dice: random.Random, count: int) -> dict[int, Document]:
    """Documents of few letters, so that much is alike, some of them from the same moment."""
    return {
        key: thing(key, _word(dice, 6), _word(dice, 30), days=dice.randrange(20), tags=_tags(dice))
        for key in dice.sample(range(1, 10 * count), count)
    }


def random_queries(dice: random.Random, count: int) -> Iterator[Query]:
    for _ in range(count):
        yield Query(
            _word(dice, 4),
            fields=dice.choice([(), ("name",), ("note",), ("note", "name")]),
            or_tags=frozenset(_tags(dice)) if dice.random() < 0.2 else frozenset(),
            and_tags=frozenset(_tags(dice)) if dice.random() < 0.2 else frozenset(),
        )


def _word(dice: random.Random, longest: int) -> str:
    return "".join(dice.choices("가나다aAb %_\\", k=dice.randint(0, longest)))


def _tags(dice: random.Random) -> set[str]:
    return set(dice.sample(["colour=red", "colour=blue", "size=1"], dice.randint(0, 2)))
