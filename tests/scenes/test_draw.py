"""Each word of the grammar draws what it says, and what is malformed is refused with the word that is wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defects.messages import BadInput
from scenes.draw import check, check_name, draw, draw_count, extent, names_in, names_of

INF = math.inf
NUMBER = st.floats(-1e6, 1e6)


def many(value, count: int = 3000, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([draw(value, rng) for _ in range(count)])


# --- distributions ---


@pytest.mark.parametrize(
    ("value", "law"),
    [
        ([1, 4], stats.uniform(1, 3)),
        ([-2.5, -0.5], stats.uniform(-2.5, 2)),
        ({"uniform": [1, 4]}, stats.uniform(1, 3)),
        ({"log_uniform": [0.1, 10]}, stats.loguniform(0.1, 10)),
        ({"normal": [5, 2]}, stats.norm(5, 2)),
        ({"normal": [5, 2], "within": [4, 10]}, stats.truncnorm(-0.5, 2.5, loc=5, scale=2)),
        ({"lognormal": [3, 0.4]}, stats.lognorm(s=0.4, scale=3)),
        ({"uniform": [0, 10], "within": [2, 3]}, stats.uniform(2, 1)),
        ({"choice": [[0, 1]]}, stats.uniform(0, 1)),
    ],
    ids=lambda given: str(given) if isinstance(given, list | dict) else "",  # a law has an address in its name
)
def test_draws_follow_their_distribution(value, law):
    check(value)
    assert stats.kstest(many(value), law.cdf).pvalue > 0.01


def test_a_lognormal_cut_is_the_lognormal_given_the_cut():
    whole, low, high = stats.lognorm(s=0.35, scale=3), 1.4, 6.0
    numbers = many({"lognormal": [3.0, 0.35], "within": [low, high]})
    assert (
        stats.kstest(whole.cdf(numbers), stats.uniform(whole.cdf(low), whole.cdf(high) - whole.cdf(low)).cdf).pvalue
        > 0.01
    )
    assert np.median(many({"lognormal": [3.0, 0.35]})) == pytest.approx(3, rel=0.03)


def test_a_poisson_count_has_its_chances():
    counts = many({"poisson": 2.5})
    chances = stats.poisson(2.5).pmf(np.arange(7))
    expected = 3000 * np.append(chances, 1 - chances.sum())
    assert stats.chisquare(np.bincount(np.minimum(counts, 7), minlength=8), expected).pvalue > 0.01


def test_whole_numbers_of_a_range_come_alike_with_both_ends():
    rng = np.random.default_rng(2)
    counts = [draw_count([2, 6], rng) for _ in range(3000)]
    assert all(type(count) is int for count in counts)
    assert set(counts) == {2, 3, 4, 5, 6}
    assert stats.chisquare(np.bincount(counts)[2:]).pvalue > 0.01


@pytest.mark.parametrize(
    ("weights", "chances"),
    [(None, [1 / 3, 1 / 3, 1 / 3]), ([3, 1, 0], [0.75, 0.25, 0]), ([0.2, 0.2, 0.4], [0.25, 0.25, 0.5])],
)
def test_items_of_a_choice_come_by_their_weights(weights, chances):
    value = {"choice": ["Al", "Fe", "W"]} | ({"weights": weights} if weights else {})
    names = list(many(value))
    counts = np.array([names.count(name) for name in ("Al", "Fe", "W")])
    some = np.array(chances) > 0
    assert counts[~some].sum() == 0
    assert stats.chisquare(counts[some], 3000 * np.array(chances)[some]).pvalue > 0.01


def test_a_choice_of_ranges_of_counts_gives_whole_numbers_of_either():
    rng = np.random.default_rng(3)
    counts = [draw_count({"choice": [[0, 1], [5, 6]], "weights": [1, 1]}, rng) for _ in range(2000)]
    assert stats.chisquare(np.bincount(counts)[[0, 1, 5, 6]]).pvalue > 0.01
    assert set(counts) == {0, 1, 5, 6}


@given(low=NUMBER, high=NUMBER, seed=st.integers(0, 2**32))
def test_a_range_gives_numbers_within_it_and_its_extent_is_its_ends(low, high, seed):
    low, high = sorted((low, high))
    assert low <= draw([low, high], np.random.default_rng(seed)) <= high
    assert extent([low, high]) == (low, high)


@given(low=st.integers(0, 50), more=st.integers(0, 50), seed=st.integers(0, 2**32))
def test_a_range_of_counts_gives_whole_numbers_within_it(low, more, seed):
    assert low <= draw_count([low, low + more], np.random.default_rng(seed)) <= low + more


@given(value=NUMBER)
def test_a_number_is_always_itself(value):
    assert draw(value, np.random.default_rng(0)) == value
    assert extent(value) == (value, value)


@pytest.mark.parametrize(("value", "got"), [(3, 3.0), ("Al", "Al"), (None, None), ([2, 2], 2.0)])
def test_what_is_certain_takes_no_number_from_the_generator(value, got):
    rng = np.random.default_rng(0)
    assert draw(value, rng) == got
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        ({"uniform": [1, 4]}, (1, 4)),
        ({"uniform": [1, 4], "within": [2, 9]}, (2, 4)),
        ({"log_uniform": [0.1, 10]}, (0.1, 10)),
        ({"normal": [0, 1]}, (-INF, INF)),
        ({"normal": [0, 1], "within": [-1, 2]}, (-1, 2)),
        ({"poisson": 3}, (0, INF)),
        ({"poisson": 3, "within": [1, 5]}, (1, 5)),
        ({"choice": [3, [1, 2], {"uniform": [5, 9]}]}, (1, 9)),
    ],
    ids=str,
)
def test_the_extent_is_the_smallest_and_the_largest_number_that_can_come(value, ends):
    assert extent(value) == ends


def test_a_lognormal_number_is_above_zero():
    value = {"lognormal": [3.0, 0.5]}
    assert check(value, lowest=0.0, open_below=True) == value
    assert 0 < extent(value)[0] < 1e-300


# --- refusals ---

MALFORMED = [
    ([1], r"a range needs two finite numbers \[low, high\], got \[1\]"),
    ([1, 2, 3], "a range needs two finite numbers"),
    ([2, 1], r"a range must rise from low to high, got \[2, 1\]"),
    ([math.nan, 1], "a range needs two finite numbers"),
    ([0, INF], "a range needs two finite numbers"),
    (["1", 2], "a range needs two finite numbers"),
    ([True, 2], "a range needs two finite numbers"),
    ({}, "unknown distribution ''"),
    ({"norml": [1, 2]}, r"unknown distribution 'norml'; did you mean 'normal' or 'lognormal'\?"),
    ({3: [1, 2]}, "unknown distribution '3'"),
    ({"uniform": 3}, "uniform needs two finite numbers"),
    ({"uniform": [1, 2], "wihin": [1, 2]}, r"unknown word beside 'uniform' 'wihin'; did you mean 'within'\?"),
    ({"uniform": [1, 2], "weights": [1, 2]}, "unknown word beside 'uniform' 'weights'"),
    ({"uniform": [1, 2], "normal": [1, 2]}, "unknown word beside"),
    ({"uniform": [1, 2], 3: 4, "x": 5}, "unknown word beside 'uniform' '3'"),
    ({"uniform": [1, 2], "within": [3, 4]}, r"no draw of uniform \[1, 2\] can fall within \[3, 4\]"),
    ({"log_uniform": [0, 1]}, "log_uniform needs numbers above 0, got"),
    ({"log_uniform": [-1, 1]}, "log_uniform needs numbers above 0, got"),
    ({"normal": 3}, r"normal needs \[mean, sd\]"),
    ({"normal": [1]}, r"normal needs \[mean, sd\]"),
    ({"normal": ["a", "b"]}, r"normal needs \[mean, sd\]"),
    ({"normal": [math.nan, 1]}, r"normal needs \[mean, sd\]"),
    ({"normal": [1, INF]}, r"normal needs \[mean, sd\]"),
    ({"normal": [1, -1]}, r"normal needs \[mean, sd\], two finite numbers with a spread >= 0, got \[1, -1\]"),
    ({"normal": [1, 2], "within": 3}, "within needs two finite numbers"),
    ({"normal": [1, 2], "within": [4, 3]}, "within must rise"),
    ({"lognormal": 3}, r"lognormal needs \[median, sigma\]"),
    ({"lognormal": [0, 1]}, "lognormal needs a median above 0, got 0"),
    ({"lognormal": [1, -1]}, r"lognormal needs \[median, sigma\]"),
    ({"poisson": -1}, "poisson needs a mean >= 0, got -1"),
    ({"poisson": "3"}, "poisson needs a mean >= 0, got '3'"),
    ({"poisson": math.nan}, "poisson needs a mean >= 0, got nan"),
    ({"poisson": 1e12}, "poisson needs a mean >= 0"),
    ({"choice": []}, r"choice needs a list that is not empty, got \[\]"),
    ({"choice": 3}, "choice needs a list that is not empty, got 3"),
    ({"choice": [1, 2], "weights": [1]}, "weights need one number >= 0 for each choice"),
    ({"choice": [1, 2], "weights": 3}, "weights need one number >= 0 for each choice"),
    ({"choice": [1, 2], "weights": ["a", "b"]}, "weights need one number >= 0 for each choice"),
    ({"choice": [1, 2], "weights": [1, INF]}, "weights need one number >= 0 for each choice"),
    ({"choice": [1, 2], "weights": [2, -1]}, "weights need one number >= 0 for each choice"),
    ({"choice": [1, 2], "weights": [0, 0]}, "and a sum above 0"),
    ({"choice": [1, 2], "wieghts": [1, 1]}, "did you mean 'weights'"),
    ({"choice": [1, {"normal": 3}]}, r"normal needs \[mean, sd\]"),
]


@pytest.mark.parametrize(("value", "text"), MALFORMED, ids=[str(value) for value, _ in MALFORMED])
def test_what_is_malformed_is_refused_at_the_door(value, text):
    with pytest.raises(BadInput, match=text):
        check(value)


@pytest.mark.parametrize(
    "value", [v for v, _ in MALFORMED if isinstance(v, dict) and v.get("within") != [3, 4]], ids=str
)
def test_what_is_malformed_is_refused_in_drawing_too(value):
    with pytest.raises(BadInput):
        draw(value, np.random.default_rng(0))


@pytest.mark.parametrize("value", [True, False, None, "3", "fit", {"choice": ["Al"]}, {"choice": [True]}], ids=str)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(BadInput, match=r"expected a number, a \[low, high\] range or a distribution, got"):
        check(value)


@pytest.mark.parametrize("value", [math.nan, INF, -INF, {"choice": [1, math.nan]}, {"choice": [1, INF]}], ids=str)
def test_numbers_are_finite(value):
    with pytest.raises(BadInput, match="must be a finite number, got"):
        check(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "must be above 0, got 0"),
        (-1.5, "must be above 0, got -1.5"),
        ([0, 3], "must be above 0, can give 0"),
        ({"normal": [5, 1]}, "must be above 0, can give -inf"),
        ({"normal": [5, 1], "within": [0, 9]}, "must be above 0, can give 0"),
        ({"poisson": 3}, "must be above 0, can give 0"),
        ({"choice": [1, -2]}, "must be above 0, got -2"),
        ({"choice": [1, [-2, 3]]}, "must be above 0, can give -2"),
    ],
    ids=str,
)
def test_a_bound_that_is_open_excludes_itself_and_all_below(value, text):
    with pytest.raises(BadInput, match=text):
        check(value, lowest=0.0, open_below=True)


@given(value=st.floats(-10, 10), lowest=st.floats(-10, 10))
def test_a_closed_bound_takes_itself_and_all_above(value, lowest):
    if value >= lowest:
        assert check(value, lowest=lowest) == value
    else:
        with pytest.raises(BadInput, match="must be at least"):
            check(value, lowest=lowest)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "must be a whole number, got 1.5"),
        (math.nan, "must be a finite number, got nan"),
        (INF, "must be a finite number, got inf"),
        (-1, "must be at least 0, got -1"),
        ([0.5, 2], "a range of counts must hold whole numbers"),
        ([-1, 2], "must be at least 0, can give -1"),
        ({"choice": [1, 2.5]}, "must be a whole number, got 2.5"),
        ({"normal": [5, 1], "within": [0, 9]}, "a count is a whole number"),
        ({"uniform": [0, 9]}, "a count is a whole number"),
        (True, "expected a number"),
        ("3", "expected a number"),
    ],
    ids=str,
)
def test_a_count_that_is_not_whole_is_refused_at_the_door(value, text):
    with pytest.raises(BadInput, match=text):
        check(value, lowest=0.0, count=True)


@pytest.mark.parametrize("value", [0, 3, 3.0, [0, 4], {"poisson": 3}, {"choice": [1, [2, 3]]}], ids=str)
def test_a_count_that_is_whole_is_taken(value):
    assert check(value, lowest=0.0, count=True) == value
    assert draw_count(value, np.random.default_rng(0)) >= 0


@pytest.mark.parametrize("value", [1.5, -1, math.nan, INF, True, [0.5, 2], [-3, -2], {"uniform": [0.1, 0.9]}], ids=str)
def test_drawing_no_count_is_refused(value):
    with pytest.raises(BadInput, match=r"a count must be a whole number >= 0|must hold whole numbers"):
        draw_count(value, np.random.default_rng(0))


def test_a_cut_that_keeps_next_to_nothing_is_told_rather_than_waited_for():
    with pytest.raises(BadInput, match=r"fell within \[90.0, 91.0\] in 10000 tries; widen 'within'"):
        draw({"normal": [0, 1], "within": [90, 91]}, np.random.default_rng(0))


@pytest.mark.parametrize(
    "value", ["Al", {"choice": ["Al", "Fe"]}, {"choice": ["Al", "Fe"], "weights": [1, 2]}], ids=str
)
def test_a_name_is_a_text_or_a_choice_of_texts(value):
    assert check_name(value) == value


@pytest.mark.parametrize(
    "value", ["", 5, False, None, ["Al"], {"normal": [1, 2]}, {"choice": ["Al", 5]}, {"choice": ["Al", None]}], ids=str
)
def test_what_is_no_name_is_refused(value):
    with pytest.raises(BadInput, match=r"expected a name or \{choice: \[names\]\}, got"):
        check_name(value)


def test_a_choice_of_names_is_checked_like_any_choice():
    with pytest.raises(BadInput, match="choice needs a list that is not empty"):
        check_name({"choice": []})
    with pytest.raises(BadInput, match="weights need one number >= 0 for each choice"):
        check_name({"choice": ["Al"], "weights": [1, 1]})


# --- what follows another number ---

LINE = {"of": "wall_mm", "table": [[5, 100], [15, 200], [25, 220]]}


@pytest.mark.parametrize(("wall_mm", "kv"), [(5, 100), (10, 150), (20, 210), (1, 100), (90, 220)])
def test_a_table_is_read_along_straight_lines_and_level_beyond_its_ends(wall_mm, kv):
    assert draw(LINE, np.random.default_rng(0), {"wall_mm": wall_mm}) == pytest.approx(kv)


def test_spread_is_that_of_the_logarithm_cut_at_three_sigma():
    rng = np.random.default_rng(3)
    found = np.log([draw(LINE | {"spread": 0.1}, rng, {"wall_mm": 10}) / 150 for _ in range(3000)])
    assert stats.kstest(found, stats.truncnorm(-3, 3, scale=0.1).cdf).pvalue > 0.01
    assert extent(LINE | {"spread": 0.1}) == pytest.approx((100 * math.exp(-0.3), 220 * math.exp(0.3)))


def test_two_numbers_that_follow_one_name_are_correlated_as_their_tables_say():
    rng, pairs = np.random.default_rng(5), []
    for _ in range(500):
        shared = {"wall_mm": draw([5, 15], rng)}
        falling = {"of": "wall_mm", "table": [[5, 1.0], [15, 0.1]]}
        pairs.append([draw(LINE, rng, shared), draw(falling, rng, shared)])
    assert np.corrcoef(np.transpose(pairs))[0, 1] == pytest.approx(-1)


def test_a_choice_may_hold_what_follows_and_a_count_is_rounded():
    assert draw({"choice": [LINE]}, np.random.default_rng(0), {"wall_mm": 5}) == 100
    assert draw_count({"of": "n", "table": [[0, 0], [10, 5]]}, np.random.default_rng(0), {"n": 3.1}) == 2


def test_the_names_that_can_come_are_found_in_choices_of_choices():
    assert names_of({"choice": ["Al", {"choice": ["Ti", None, {"choice": ["Fe"]}]}]}) == ["Al", "Ti", "Fe"]
    assert (names_of("Al"), names_of(None)) == (["Al"], [])


def test_the_names_that_are_spoken_of_are_found_anywhere():
    assert names_in({"a": [LINE, {"choice": [{"of": "b", "table": [[0, 1], [1, 2]]}]}], "of": "c"}) == {"wall_mm", "b"}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"of": "wall_mm"}, "of: wall_mm needs a table of at least two pairs"),
        ({"of": 3, "table": [[0, 1], [1, 2]]}, "of needs the name of a shared draw, got 3"),
        ({"of": "x", "table": [[0, 1], [0, 2]]}, "the first numbers of the table must rise"),
        ({"of": "x", "table": [[0, 1], [1, "2"]]}, "needs a table of at least two pairs"),
        ({"of": "x", "table": [[0, 1], [1, 2]], "spread": -1}, "spread must be a number from 0 to 2, got -1"),
        ({"of": "x", "table": [[0, 1], [1, 2]], "within": [0, 1]}, "unknown word beside 'of' 'within'"),
    ],
)
def test_what_cannot_be_followed_is_refused(value, says):
    with pytest.raises(BadInput, match=says):
        check(value)


def test_a_name_that_is_not_drawn_is_told_with_those_that_are():
    with pytest.raises(BadInput, match=r"unknown name after 'of' 'wal'; did you mean 'wall_mm'"):
        draw({"of": "wal", "table": [[0, 1], [1, 2]]}, np.random.default_rng(0), {"wall_mm": 3.0})
