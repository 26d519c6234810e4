"""The best-selling products of a branch, out of made-up sales: this package beside pandas, Polars and DuckDB.

    cargo build --release -p mcp-tools-sales --no-default-features --examples
    python3 compare.py ROWS TARGET/release/examples      # needs duckdb, pandas, polars, pyarrow

Every engine gets the same files in the same run, in a process of its own, three times; the fastest counts.
"""

import os, re, subprocess, sys, tempfile

ROWS, EXAMPLES = int(sys.argv[1]), sys.argv[2]

QUERY = """SELECT product, sum(revenue) r FROM {source} WHERE operation = 'Dallas'
GROUP BY product ORDER BY r DESC, product LIMIT 5"""

PROGRAMS = {
    "pandas": """
import pandas as pd
columns = ["product", "operation", "revenue"]
d = pd.read_parquet(path, columns=columns) if path.endswith("parquet") else pd.read_csv(path, usecols=columns)
print(d[d.operation == "Dallas"].groupby("product").revenue.sum().nlargest(5).index.tolist())
""",
    "Polars": """
import polars as pl
d = pl.scan_parquet(path) if path.endswith("parquet") else pl.scan_csv(path)
d = d.filter(pl.col("operation") == "Dallas").group_by("product").agg(pl.col("revenue").sum())
print(d.sort("revenue", descending=True).head(5).collect()["product"].to_list())
""",
    "DuckDB": """
import duckdb
print([r[0] for r in duckdb.sql(%r.format(source=repr(path))).fetchall()])
""" % QUERY,
}

RUN = """
import sys, time, resource
path = sys.argv[1]
start = time.perf_counter()
%s
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""

folder = tempfile.mkdtemp(prefix="sales-compare-")
csv, parquet = f"{folder}/sales.csv", f"{folder}/sales.parquet"
with open(csv, "wb") as out:
    subprocess.run([f"{EXAMPLES}/generate", str(ROWS)], stdout=out, check=True)
import duckdb

duckdb.sql(f"COPY (SELECT * FROM '{csv}') TO '{parquet}' (FORMAT parquet)")
print(f"{ROWS} rows: CSV {os.path.getsize(csv) / 1e6:.0f} MB, Parquet {os.path.getsize(parquet) / 1e6:.0f} MB")

for path in (parquet, csv):
    kind = path.rsplit(".")[-1]
    for name, program in PROGRAMS.items():
        runs = []
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", RUN % program, path], capture_output=True, text=True, check=True)
            answer, figures = done.stdout.strip().splitlines()
            runs.append(tuple(map(float, figures.split())))
        seconds, megabytes = min(runs)
        print(f"{kind:8} {name:8} {seconds:6.2f} s  {megabytes:6.0f} MB  {answer}", flush=True)
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", "import resource, subprocess, sys, time\n"
             "s = time.perf_counter(); r = subprocess.run(sys.argv[1:], stderr=subprocess.PIPE, text=True, check=True)\n"
             "print(r.stderr); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)",
             f"{EXAMPLES}/measure", path], capture_output=True, text=True, check=True)
        load = re.search(r"load \d+ rows: ([\d.]+)(m?s)", done.stdout)
        seconds = float(load[1]) / (1000 if load[2] == "ms" else 1)
        runs.append((seconds, float(done.stdout.split()[-1]), done.stdout))
    seconds, megabytes, text = min(runs)
    print(f"{kind:8} {'this':8} {seconds:6.2f} s  {megabytes:6.0f} MB\n{text}", flush=True)
import shutil

shutil.rmtree(folder)
