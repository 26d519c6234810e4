"""Forecasts of tests/data/series.csv by this crate, Prophet and statsforecast, in one run.

    pip install prophet==1.5.0 statsforecast==2.1.1
    cargo build --release -p mcp-forecast --example accuracy
    python mcp-forecast/bench/compare.py target/release/examples/accuracy [--holdout] [--arima]

With `--holdout` the series are those of tests/data/holdout.csv, which nothing was chosen by.
From each series up to three windows of its horizon are cut off its end, one after the other. Each
method forecasts each window from what is before it. An error is the mean absolute error of a window
by that of seasonal naive within what is before it (MASE); a method's figure is the mean over series
of the mean over their windows. `--arima` adds statsforecast's AutoARIMA, which takes many minutes.
"""

import collections
import logging
import pathlib
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
from prophet import Prophet

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

DATA = pathlib.Path(__file__).parent.parent / "tests" / "data"
SINGLE = ["seasonal_naive", "theta", "ets", "mstl", "arima", "mfles"]
SEASON = {"day": 7, "week": 52, "month": 12}
STEP = {"day": "D", "week": "7D", "month": "MS"}


def windows(data):
    for line in (DATA / f"{data}.csv").read_text().splitlines()[1:]:
        name, _, grain, start, horizon, values = line.split(",")
        season, horizon = SEASON[grain], int(horizon)
        values = np.array(values.split(), float)
        dates = pd.date_range(start, periods=len(values), freq=STEP[grain])
        for window in range(3):
            end = len(values) - window * horizon
            if end <= 2 * horizon or (window and end - horizon < 2 * season + horizon):
                continue
            begin = end - horizon
            yield name, window, grain, season, dates[:end], values[:begin], values[begin:end]


def mase(season, known, actual, predicted):
    lag = season if len(known) > season + 3 else 1
    return np.abs(actual - predicted).mean() / np.abs(known[lag:] - known[:-lag]).mean()


def prophet(season, dates, known, horizon):
    model = Prophet()
    model.fit(pd.DataFrame({"ds": dates[: len(known)], "y": known}))
    return model.predict(pd.DataFrame({"ds": dates[len(known) :]}))["yhat"].to_numpy()


def statsforecast(name):
    from statsforecast import models

    def run(season, dates, known, horizon):
        fits = season if len(known) > 2 * season else 1
        model = {
            "AutoTheta": lambda: models.AutoTheta(season_length=fits),
            # Longer seasons than 24 are not for exponential smoothing, nor 12 for ARIMA.
            "AutoETS": lambda: models.AutoETS(season_length=fits if fits <= 24 else 1),
            "AutoARIMA": lambda: models.AutoARIMA(season_length=fits if fits <= 12 else 1),
            "MSTL": lambda: models.MSTL(season_length=fits) if fits > 1 else models.AutoTheta(),
        }[name]()
        return model.forecast(known, horizon)["mean"]

    return run


def main():
    program, *flags = sys.argv[1:]
    errors = collections.defaultdict(lambda: collections.defaultdict(list))
    seconds = collections.defaultdict(list)
    data = "holdout" if "--holdout" in flags else "series"
    ours = {}
    for model in ["mcp-forecast", *SINGLE]:
        named = [] if model == "mcp-forecast" else [model]
        for line in subprocess.check_output([program, data, *named], text=True).splitlines():
            name, window, _, microseconds, values = line.split(",")
            values = np.array(values.split(), float)
            ours[model, name, int(window)] = int(microseconds) / 1e6, values
    methods = {"Prophet": prophet}
    for name in ["AutoTheta", "AutoETS", "MSTL"] + ["AutoARIMA"] * ("--arima" in flags):
        methods[f"statsforecast {name}"] = statsforecast(name)
    for name, window, grain, season, dates, known, actual in windows(data):
        for model in ["mcp-forecast", *SINGLE]:
            took, predicted = ours[model, name, window]
            method = model if model == "mcp-forecast" else f"its {model} alone"
            seconds[method].append(took)
            errors[method][name].append(mase(season, known, actual, predicted))
        for method, run in methods.items():
            begun = time.perf_counter()
            predicted = run(season, dates, known, len(actual))
            seconds[method].append(time.perf_counter() - begun)
            errors[method][name].append(mase(season, known, actual, predicted))
    print("| method | mean MASE | median MASE | ms a forecast, median |\n|---|---|---|---|")
    of_series = {m: [np.mean(e) for e in by.values()] for m, by in errors.items()}
    for method, values in sorted(of_series.items(), key=lambda item: np.mean(item[1])):
        took = np.median(seconds[method]) * 1e3
        print(f"| {method} | {np.mean(values):.3f} | {np.median(values):.3f} | {took:.1f} |")
    print(f"\n{len(of_series['Prophet'])} series, {len(seconds['Prophet'])} windows")


if __name__ == "__main__":
    main()
