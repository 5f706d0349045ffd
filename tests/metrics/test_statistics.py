"""Every statistic against numbers worked out by hand or a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.metrics import statistics as stats

NAN = float("nan")
ESTIMATE, TRUTH = [62.0, 70.0, NAN, 95.0, 80.0], [60.0, 75.0, 66.0, 95.0, NAN]


def test_errors_of_the_known_pairs() -> None:
    assert stats.dropped(ESTIMATE, TRUTH) == 2
    assert stats.mae(ESTIMATE, TRUTH) == pytest.approx(7 / 3)
    assert stats.rmse(ESTIMATE, TRUTH) == pytest.approx(math.sqrt(29 / 3))
    assert stats.mape(ESTIMATE, TRUTH) == pytest.approx(100 * (2 / 60 + 5 / 75) / 3)
    assert stats.within(ESTIMATE, TRUTH, 3.0) == pytest.approx(2 / 3)
    assert stats.within(ESTIMATE, TRUTH, 5.0) == 1.0
    assert stats.coverage(ESTIMATE, TRUTH) == pytest.approx(3 / 4)


def test_standard_errors() -> None:
    # absolute errors 2, 5, 0: s = sqrt(19 / 3); squared 4, 25, 0: s = sqrt(541 / 3), worked out by hand
    assert stats.mae_se(ESTIMATE, TRUTH) == pytest.approx(math.sqrt(19 / 3) / math.sqrt(3))
    deviation = math.sqrt(((4 - 29 / 3) ** 2 + (25 - 29 / 3) ** 2 + (29 / 3) ** 2) / 2)
    assert stats.rmse_se(ESTIMATE, TRUTH) == pytest.approx(deviation / math.sqrt(3) / (2 * math.sqrt(29 / 3)))
    x = np.arange(10.0)
    y = np.array([1.0, 0, 3, 2, 5, 4, 7, 6, 9, 8])
    r = stats.pearson(x, y)
    assert r == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert stats.pearson_se(x, y) == pytest.approx(math.sqrt((1 - r * r) / 8))


def test_the_standard_error_of_the_rmse_is_the_spread_of_many_experiments() -> None:
    draws = np.random.default_rng(0).normal(size=(2000, 100))
    spread = np.sqrt((draws**2).mean(1)).std()
    assert np.mean([stats.rmse_se(row, np.zeros(100)) for row in draws]) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("statistic", [stats.mae, stats.rmse, stats.mape, stats.pearson, stats.mae_se, stats.rmse_se])
@pytest.mark.parametrize("pairs", [([], []), ([NAN, NAN], [1.0, 2.0])])
def test_the_statistic_of_nothing_is_nan(statistic, pairs) -> None:
    assert math.isnan(statistic(*pairs))


def test_r_of_a_constant_is_nan() -> None:
    assert math.isnan(stats.pearson([70.0, 70.0, 70.0], [60.0, 70.0, 80.0]))


def test_skill() -> None:
    assert stats.skill(2.0, 8.0) == 0.75
    assert stats.skill(10.0, 8.0) == -0.25
    assert math.isnan(stats.skill(1.0, 0.0))


def test_naive_without_training_data_is_the_median_of_the_other_people() -> None:
    values, person = [60.0, 62.0, 80.0, NAN, 100.0], ["a", "a", "b", "b", "c"]
    np.testing.assert_allclose(stats.others_median(values, person), [90.0, 90.0, 62.0, 62.0, 62.0])
    assert np.isnan(stats.others_median([60.0, 61.0], ["a", "a"])).all()


def test_auroc_counts_pairs_in_the_right_order() -> None:
    # positives 0.4, 0.8 against negatives 0.1, 0.4: 3 of 4 in order, one tie counted half
    assert stats.auroc([0.1, 0.4, 0.4, 0.8, 0.9], [0, 0, 1, 1, NAN]) == pytest.approx(3.5 / 4)
    assert math.isnan(stats.auroc([0.1, 0.2], [1, 1]))


def test_bootstrap_draws_people_not_windows() -> None:
    generator = np.random.default_rng(1)
    people = np.repeat(np.arange(40), 10)
    error = np.repeat(generator.normal(0, 5, 40), 10)
    low, high = stats.bootstrap(stats.mae, error, np.zeros(400), people, seed=3)
    assert (low, high) == stats.bootstrap(stats.mae, error, np.zeros(400), people, seed=3)
    assert low < stats.mae(error, np.zeros(400)) < high
    # the ten windows of a person are one number: the interval is that of 40 values, sqrt(10) wider than of 400
    expected = 2 * 1.96 * np.abs(error[::10]).std(ddof=1) / math.sqrt(40)
    assert high - low == pytest.approx(expected, rel=0.15)
    assert np.isnan(stats.bootstrap(stats.mae, [1.0, 2.0], [0.0, 0.0], ["a", "a"])).all()


def test_waveform_errors_of_system_d() -> None:
    t = np.arange(300) / 30
    truth = np.stack([np.sin(2 * np.pi * t), np.sin(2 * np.pi * t)])
    estimate = np.stack([0.5 * truth[0] + 0.2, np.cos(2 * np.pi * t)])
    errors = stats.waveform_errors(estimate, truth)
    np.testing.assert_allclose(errors["r"], [1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(errors["std"], [0.5 / math.sqrt(2), 1.0], atol=1e-9)
    np.testing.assert_allclose(errors["rmse"], [math.sqrt(0.125 + 0.04), 1.0], atol=1e-9)
    truth[0, :100] = NAN
    assert stats.waveform_errors(estimate, truth)["r"][0] == pytest.approx(1.0)
    assert np.isnan(stats.waveform_errors(estimate, np.full_like(truth, NAN))["rmse"]).all()


def test_risk_coverage_refuses_the_unsure_first() -> None:
    coverage, risk = stats.risk_coverage([1.0, 9.0, 2.0, NAN], [0.9, 0.1, 0.5, 1.0])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(risk, [1.0, 1.5, 4.0])
    assert stats.risk_at([1.0, 9.0, 2.0, NAN], [0.9, 0.1, 0.5, 1.0], 0.4) == 1.5
    assert math.isnan(stats.risk_at([1.0, 9.0, 2.0, NAN], [0.9, 0.1, 0.5, 1.0], 0.9))


def test_windows_of_equal_confidence_stand_or_fall_together() -> None:
    coverage, risk = stats.risk_coverage([0.0, 4.0, 8.0], [0.5, 0.5, 0.1])
    np.testing.assert_allclose(coverage, [2 / 3, 1.0])
    np.testing.assert_allclose(risk, [2.0, 4.0])


def test_by_group() -> None:
    groups = stats.by_group([61.0, 64.0, 90.0], [60.0, 60.0, 80.0], ["light", "light", ""])
    assert groups["light"]["mae"] == 2.5
    assert groups["light"]["n"] == 2
    assert groups["unknown"]["mae"] == 10.0
