import pytest

from trainyard_runtime import answers


@pytest.mark.parametrize(
    ("prediction", "golds", "exact", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos", "Broncos"], 1, 1),
        ("the Denver Broncos!", ["Denver Broncos"], 1, 1),
        ("Broncos of Denver", ["Denver Broncos"], 0, 0.8),
        ("a cat and a dog", ["cat"], 0, 0.5),
        ("", ["x"], 0, 0),
        ("the", ["a"], 1, 1),
        ("one one two", ["one two two"], 0, 2 / 3),
        ("blue", ["red", "dark blue"], 0, 2 / 3),
    ],
)
def test_exact_match_and_f1_agree_with_the_official_squad_script(prediction, golds, exact, f1):
    assert answers.score(prediction, golds) == {"exact_match": exact, "f1": pytest.approx(f1)}
