"""The five best-selling products of a branch, out of made-up sales: this package beside pandas, Polars and DuckDB.

    cargo build --release -p mcp-tools-sales --no-default-features --examples
    python3 compare.py ROWS TARGET/release/examples      # needs duckdb, pandas, polars, pyarrow

Every engine gets the same files in the same run, in a process of its own, five times; the fastest counts. Three figures:
the question from the file (for this package, loading all columns and answering), the same for a process from its start to
its end, and the most memory that it took. The answers have to be the same.
"""

import ast, json, os, platform, re, resource, shutil, subprocess, sys, tempfile, time

ROWS, EXAMPLES = int(sys.argv[1]), sys.argv[2]
TIMES = 5

DUCKDB = """SELECT product, sum(revenue) r FROM {source} WHERE operation = 'Dallas'
GROUP BY product ORDER BY r DESC, product LIMIT 5"""

# What is imported, and what is timed.
PROGRAMS = {
    "pandas": ("import pandas as pd", """
columns = ["product", "operation", "revenue"]
d = pd.read_parquet(path, columns=columns) if path.endswith("parquet") else pd.read_csv(path, usecols=columns)
answer = d[d.operation == "Dallas"].groupby("product").revenue.sum().nlargest(5).index.tolist()
"""),
    "Polars": ("import polars as pl", """
d = pl.scan_parquet(path) if path.endswith("parquet") else pl.scan_csv(path)
d = d.filter(pl.col("operation") == "Dallas").group_by("product").agg(pl.col("revenue").sum())
answer = d.sort("revenue", descending=True).head(5).collect()["product"].to_list()
"""),
    "DuckDB": ("import duckdb", """
answer = [r[0] for r in duckdb.sql(%r.format(source=repr(path))).fetchall()]
""" % DUCKDB),
}

RUN = """
import sys, time, json
path = sys.argv[1]
%s
start = time.perf_counter()
%s
print(json.dumps([time.perf_counter() - start, answer]))
"""


def peak(command):
    """Runs a program: its output, what it said beside, seconds from its start to its end, and its largest resident set in MB."""
    program = (
        "import json, resource, subprocess, sys, time\n"
        "s = time.perf_counter(); r = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "t = time.perf_counter() - s; m = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000\n"
        "print(json.dumps([r.returncode, r.stdout, r.stderr, t, m]))"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
    code, out, err, seconds, megabytes = json.loads(done.stdout)
    if code:
        sys.exit(err)
    return out, err, seconds, megabytes


def seconds_in(text):
    number, unit = re.match(r"([\d.]+)(s|ms|µs)", text).groups()
    return float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]


folder = tempfile.mkdtemp(prefix="sales-compare-", dir=os.environ.get("TMPDIR"))
csv, parquet = f"{folder}/sales.csv", f"{folder}/sales.parquet"
with open(csv, "wb") as out:
    subprocess.run([f"{EXAMPLES}/generate", str(ROWS)], stdout=out, check=True)
import duckdb, pandas, polars

duckdb.sql(f"COPY (SELECT * FROM '{csv}') TO '{parquet}' (FORMAT parquet)")
print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors, Python {platform.python_version()}, "
      f"pandas {pandas.__version__}, Polars {polars.__version__}, DuckDB {duckdb.__version__}")
print(f"{ROWS} rows: CSV {os.path.getsize(csv) / 1e6:.0f} MB, Parquet {os.path.getsize(parquet) / 1e6:.0f} MB")
print("file     engine      answer   process   memory")

answers = {}
for path in (parquet, csv):
    kind = path.rsplit(".")[-1]
    runs = {name: [] for name in [*PROGRAMS, "this"]}
    # In turns, so that what else the machine does concerns all.
    for _ in range(TIMES):
        for name in runs:
            if name == "this":
                out, err, process, memory = peak([f"{EXAMPLES}/measure", path, "first"])
                answer, seconds = ast.literal_eval(out), seconds_in(re.search(r"first answer: (\S+)", err)[1])
            else:
                out, err, process, memory = peak([sys.executable, "-c", RUN % PROGRAMS[name], path])
                seconds, answer = json.loads(out)
            runs[name].append((seconds, process, memory))
            answers[name] = answer
    assert all(answer == answers["DuckDB"] for answer in answers.values()), answers
    for name, figures in runs.items():
        seconds, process, memory = (min(figure) for figure in zip(*figures))
        print(f"{kind:8} {name:8} {seconds:7.3f} s {process:7.3f} s {memory:6.0f} MB", flush=True)
print(answers["this"])
print(peak([f"{EXAMPLES}/measure", parquet])[1])
shutil.rmtree(folder)
