import pytest

from memharness.pictures.placing import Box, LabelPlaces

FRAME = Box(0, 0, 200, 100)
MARK = (100.0, 50.0)
BESIDE = Box(109, 45, 149, 55)  # what is taken where nothing is in the way


def test_a_label_stands_beside_its_mark() -> None:
    assert LabelPlaces(FRAME, [MARK], [MARK]).place(MARK, 40, 10) == BESIDE


@pytest.mark.parametrize(
    ("frame", "marks", "line", "taken"),
    [
        (Box(0, 0, 140, 100), [MARK], [MARK], []),
        (FRAME, [MARK, (130.0, 50.0)], [MARK], []),
        (FRAME, [MARK, (130.0, 58.0)], [MARK], []),  # its middle is outside, its edge would be covered
        (FRAME, [MARK], [MARK, (199.0, 50.0)], []),
        (FRAME, [MARK], [MARK], [Box(145, 40, 160, 46)]),
    ],
)
def test_a_label_keeps_away_from(
    frame: Box, marks: list[tuple[float, float]], line: list[tuple[float, float]], taken: list[Box]
) -> None:
    assert LabelPlaces(frame, marks, line, taken).place(MARK, 40, 10) == Box(51, 45, 91, 55)


def test_a_label_keeps_away_from_those_before_it_and_has_none_where_no_room_is_left() -> None:
    labels = LabelPlaces(Box(95, 40, 150, 60), [MARK], [MARK])
    places = [labels.place(MARK, 40, 10) for _ in range(3)]
    assert places[0] == BESIDE
    assert places[1:] == [None, None]
