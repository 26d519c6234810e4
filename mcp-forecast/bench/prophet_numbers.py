"""What PyPI's prophet expects of series of tests/data/series.csv, for tests/prophet.rs.

    pip install prophet==1.5.0
    python mcp-forecast/bench/prophet_numbers.py > mcp-forecast/tests/data/prophet.csv

A line for each case: the series, its parameters, the values of the periods after its last.
"""

import logging
import pathlib
import warnings

import pandas as pd
from prophet import Prophet

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

DATA = pathlib.Path(__file__).parent.parent / "tests" / "data" / "series.csv"
STEP = {"day": "D", "week": "7D", "month": "MS"}

CASES = [
    ("bike_sharing", {}),
    ("bike_sharing", {"seasonality_mode": "multiplicative"}),
    ("bike_sharing", {"changepoint_prior_scale": 0.5, "seasonality_prior_scale": 0.1}),
    ("bike_sharing", {"growth": "flat", "weekly_seasonality": False, "yearly_seasonality": 5}),
    ("pizzaplace", {}),
    ("pizzaplace", {"yearly_seasonality": True, "changepoint_range": 0.95}),
    ("wikipedia_5", {"weekly_seasonality": 2}),
    ("superstore_monthly", {}),
    ("superstore_monthly", {"seasonality_mode": "multiplicative"}),
    ("m4_M750", {"changepoint_prior_scale": 0.001}),
    ("walmart_1_8", {}),
    ("walmart_1_8", {"n_changepoints": 8, "changepoint_range": 0.9}),
]


def main():
    series = {}
    for line in DATA.read_text().splitlines()[1:]:
        name, _, grain, start, horizon, values = line.split(",")
        series[name] = grain, start, int(horizon), [float(value) for value in values.split()]
    print("name,parameters,values")
    for name, parameters in CASES:
        grain, start, horizon, values = series[name]
        dates = pd.date_range(start, periods=len(values) + horizon, freq=STEP[grain])
        model = Prophet(**parameters)
        model.fit(pd.DataFrame({"ds": dates[: len(values)], "y": values}))
        expected = model.predict(pd.DataFrame({"ds": dates[len(values) :]}))["yhat"]
        told = " ".join(f"{key}={value}" for key, value in parameters.items())
        print(f"{name},{told},{' '.join(f'{value:.7g}' for value in expected)}")


if __name__ == "__main__":
    main()
