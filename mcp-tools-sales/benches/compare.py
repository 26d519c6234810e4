"""The best-selling products of a branch, out of made-up sales: this package beside pandas, Polars and DuckDB.

    cargo build --release -p mcp-tools-sales --no-default-features --examples
    cargo build --release -p sales-server
    python3 compare.py TARGET/release [ROWS [ROUNDS]]      # needs duckdb, pandas, polars, pyarrow

Every engine gets the same files in the same run, in a process of its own, two threads each, in turns. ROWS are ten million
unless given, and ROUNDS five. Asked for are the five products of "Dallas" with most revenue, with the sums that the tool
top_n_products answers (revenue, units, order lines); "revenue only" is the same question with one sum. The answers have to be
the same.

"wall" is seconds by the clock, "cpu" seconds of a processor, user and system together, of all threads. For a library they are
of the question alone, without Python's start and the imports; for this package of the whole process, from its start to its
end. On a machine that does something else only "cpu" tells anything. The smallest of all rounds is shown, and the median after it.
"""

import ast, json, os, platform, re, shutil, statistics, subprocess, sys, tempfile, time

THREADS = "2"
RELEASE = sys.argv[1]
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
SMALL = 1_000_000
MEASURE = f"{RELEASE}/examples/measure"
ENVIRONMENT = dict(os.environ, POLARS_MAX_THREADS=THREADS, OMP_NUM_THREADS=THREADS, ARROW_NUM_THREADS=THREADS)

# What is imported, what opens a file, what loads it into memory, and the question.
LIBRARIES = {
    "pandas": (
        "import pandas as pd",
        """
columns = ["product", "operation", "revenue"] + ["units"] * (not revenue_only)
d = pd.read_parquet(path, columns=columns) if path.endswith("parquet") else pd.read_csv(path, usecols=columns)
""",
        "d = pd.read_parquet(path) if path.endswith('parquet') else pd.read_csv(path)",
        """
g = d[d.operation == "Dallas"].groupby("product")
g = g.agg(r=("revenue", "sum")) if revenue_only else g.agg(r=("revenue", "sum"), u=("units", "sum"), n=("units", "size"))
answer = g.nlargest(5, "r").index.tolist()
""",
    ),
    "Polars": (
        "import polars as pl",
        "d = pl.scan_parquet(path) if path.endswith('parquet') else pl.scan_csv(path)",
        "d = (pl.read_parquet(path) if path.endswith('parquet') else pl.read_csv(path)).lazy()",
        """
sums = [pl.col("revenue").sum()] + ([] if revenue_only else [pl.col("units").sum(), pl.len()])
q = d.filter(pl.col("operation") == "Dallas").group_by("product").agg(sums)
answer = q.sort("revenue", descending=True).head(5).collect()["product"].to_list()
""",
    ),
    "DuckDB": (
        "import duckdb\ndb = duckdb.connect(config={'threads': %s})\ndb.execute('SET enable_progress_bar = false')" % THREADS,
        "source = repr(path)",
        "db.execute(f'CREATE TABLE sales AS SELECT * FROM {path!r}'); source = 'sales'",
        """
sums = "sum(revenue) r" if revenue_only else "sum(revenue) r, sum(units), count(*)"
rows = db.sql(f"SELECT product, {sums} FROM {source} WHERE operation = 'Dallas' GROUP BY product ORDER BY r DESC, product LIMIT 5")
answer = [row[0] for row in rows.fetchall()]
""",
    ),
}

FROM_FILE = """
import sys, time, json
path, revenue_only = sys.argv[1], sys.argv[2] == "revenue"
%s
start, used = time.perf_counter(), time.process_time()
%s
%s
print(json.dumps([time.perf_counter() - start, time.process_time() - used, answer]))
"""

AGAIN = """
import sys, time, json
path, revenue_only = sys.argv[1], False
%s
%s
def ask():
    start, used = time.perf_counter(), time.process_time()
    global answer
%s
    return time.perf_counter() - start, time.process_time() - used
ask()
times = sorted(ask() for _ in range(11))
print(json.dumps([*times[5], answer]))
"""

CHILD = """
import json, resource, subprocess, sys, time
s = time.perf_counter()
r = subprocess.run(sys.argv[1:], capture_output=True, text=True)
t = time.perf_counter() - s
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([r.returncode, r.stdout, r.stderr, t, u.ru_utime + u.ru_stime, u.ru_maxrss * 1024 / 1e6]))
"""


def run(*command):
    """Runs a program: its output, what it said beside, seconds by the clock and of a processor, and its most memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    code, out, err, *figures = json.loads(done.stdout)
    if code:
        sys.exit(err)
    return out, err, *figures


def library(name, path, what):
    imports, scan, _, question = LIBRARIES[name]
    out, _, _, _, memory = run(sys.executable, "-c", FROM_FILE % (imports, scan, question), path, what)
    wall, cpu, answer = json.loads(out.splitlines()[-1])
    return wall, cpu, memory, answer


def this(path, *mode):
    out, _, wall, cpu, memory = run(MEASURE, path, *mode)
    return wall, cpu, memory, ast.literal_eval(out)


def indented(text):
    return "".join(f"    {line}\n" for line in text.strip().splitlines())


def milliseconds(text):
    number, unit = re.match(r"([\d.]+)(s|ms|µs|ns)$", text).groups()
    return float(number) * {"s": 1e3, "ms": 1, "µs": 1e-3, "ns": 1e-6}[unit]


def server(path):
    """Seconds from the start of the server to its first answer over stdio."""
    call = {"name": "top_n_products", "arguments": {"n": 5, "operation": "Dallas"}}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "compare", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    start = time.perf_counter()
    process = subprocess.Popen(
        [f"{RELEASE}/sales-server", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=dict(ENVIRONMENT, SALES_DATA=path),
    )
    process.stdin.write("".join(json.dumps(message) + "\n" for message in messages).encode())
    process.stdin.flush()
    for line in process.stdout:
        answer = json.loads(line)
        if answer.get("id") == 2:
            break
    seconds = time.perf_counter() - start
    process.stdin.close()
    process.wait()
    products = [sold["product"] for sold in answer["result"]["structuredContent"]["products"]]
    used = os.times().children_user + os.times().children_system
    return seconds, used, products


def shown(figures, unit="s", scale=1.0):
    return f"{min(figures) * scale:7.3f} ({statistics.median(figures) * scale:7.3f}) {unit}"


def made_up(folder, rows):
    import duckdb

    csv, parquet = f"{folder}/{rows}.csv", f"{folder}/{rows}.parquet"
    with open(csv, "wb") as out:
        subprocess.run([f"{RELEASE}/examples/generate", str(rows)], stdout=out, check=True)
    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false")
    db.execute(f"COPY (SELECT * FROM '{csv}') TO '{parquet}' (FORMAT parquet)")
    return csv, parquet


def main(folder):
    import duckdb, pandas, polars

    csv, parquet = made_up(folder, ROWS)
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start, Python "
        f"{platform.python_version()}, pandas {pandas.__version__}, Polars {polars.__version__}, DuckDB {duckdb.__version__}"
    )
    print(f"{ROWS} rows: CSV {os.path.getsize(csv) / 1e6:.0f} MB, Parquet {os.path.getsize(parquet) / 1e6:.0f} MB, {ROUNDS} rounds")
    print("\nFrom the file to the first answer\nfile     engine                     wall least (median)      cpu least (median)    memory")
    for path in (parquet, csv):
        kind = path.rsplit(".")[-1]
        asked = {f"{name}, {what}": (library, name, path, what) for name in LIBRARIES for what in ("all sums", "revenue only")}
        asked["this"] = (this, path, "first")
        if kind == "parquet":
            asked["this, all checked"] = (this, path, "all-first")
        runs = {name: [] for name in asked}
        answers = {}
        for _ in range(ROUNDS):
            for name, (ask, *arguments) in asked.items():
                *figures, answers[name] = ask(*arguments)
                runs[name].append(figures)
        assert all(answer == answers["this"] for answer in answers.values()), answers
        for name, figures in runs.items():
            wall, cpu, memory = zip(*figures)
            print(f"{kind:8} {name:22} {shown(wall)}   {shown(cpu)}   {min(memory):6.0f} MB", flush=True)
    print(answers["this"])

    print("\nThe same question again, data in memory (11 times, the median)")
    for name, (imports, _, load, question) in LIBRARIES.items():
        program = AGAIN % (imports, load, indented(question))
        out, _, _, _, memory = run(sys.executable, "-c", program, parquet)
        wall, cpu, answer = json.loads(out.splitlines()[-1])
        print(f"{name:34} {wall * 1e3:8.2f} ms wall {cpu * 1e3:8.2f} ms cpu   {memory:6.0f} MB", flush=True)
    _, err, _, _, memory = run(MEASURE, parquet)
    for question, wall, cpu in re.findall(r"^again, (.+): (\S+) wall, (\S+) cpu$", err, re.M):
        print(f"this, {question:28} {milliseconds(wall):8.2f} ms wall {milliseconds(cpu):8.2f} ms cpu")
    columns = float(re.search(r"columns: .*?([\d.]+) MB", err)[1])
    print(f"this, all columns in memory: {columns:.0f} MB; most memory of the process {memory:.0f} MB, {memory / columns:.2f} times that")

    _, small = made_up(folder, SMALL)
    runs = [this(small, "first") for _ in range(ROUNDS)]
    print(f"\nFrom exec to the first answer, {SMALL} rows of Parquet")
    print(f"the engine alone (and the process's end) {shown([run[0] for run in runs], 'ms', 1e3)} wall, {shown([run[1] for run in runs], 'ms', 1e3)} cpu")
    if os.path.exists(f"{RELEASE}/sales-server"):
        walls, cpus = [], []
        for _ in range(ROUNDS):
            before = os.times().children_user + os.times().children_system
            wall, used, products = server(small)
            assert products == runs[0][-1], products
            walls.append(wall)
            cpus.append(used - before)
        print(f"sales-server over stdio                  {shown(walls, 'ms', 1e3)} wall, {shown(cpus, 'ms', 1e3)} cpu")
    print(f"load {os.getloadavg()[0]:.1f} at the end")


folder = tempfile.mkdtemp(prefix="sales-compare-", dir=os.environ.get("TMPDIR"))
try:
    main(folder)
finally:
    shutil.rmtree(folder)
