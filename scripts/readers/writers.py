"""Settles the same rows as CSV and as the Parquet files of every writer that merchants use, and
compares everything that is published. Called by the script `run` beside it."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import delivered
import readers
import variants

# What says how an input was written.
WRITTEN = {"inputs": {"key", "version", "bytes", "sha256"}, "exceptions": {"file"}, "summary": {"computation_id"}}
# A directory in memory, if there is one: there are hundreds of small nights.
MEMORY = "/dev/shm"
# The names of files in messages.
FILE_NAME = re.compile(r"/(sales|part-0|data_0)\.(csv|parquet)")


PLAIN = variants.Variant("CSV", None)


class Fault(Exception):
    """What is not as it has to be."""


def settle(program, root):
    """Settles what lies in the inbox of a new alliance and returns every published row: a list for
    each folder's table."""
    rules = root / "rules.yaml"
    rules.write_text(delivered.RULES, encoding="utf-8")
    command = [program, "run", "--root", root, "--rules", rules, "--date", delivered.DATES[-1], "--catch-up", "--workers", "1", "--partitions", "1"]
    environment = os.environ | {"GOGC": "off"}  # nights of a few rows need no memory back
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        raise Fault(f"settle run ended with {result.returncode}: {result.stderr.strip()[-400:]}")
    folders = readers.open_all(root / "statements")
    return {(str(folder), table): rows for folder in folders for table, rows in folder.rows.items()}


def comparable(tables):
    """The rows without what says how an input was written."""
    return {key: [{name: same_name(value) for name, value in row.items() if name not in WRITTEN.get(key[1], ())} for row in rows]
            for key, rows in tables.items()}


def same_name(value):
    return FILE_NAME.sub("/sales", value) if isinstance(value, str) else value


def differences(tables, wanted):
    if tables.keys() != wanted.keys():
        yield f"other tables are published: {sorted(tables.keys() ^ wanted.keys())}"
    for key in sorted(tables.keys() & wanted.keys()):
        found, want = tables[key], wanted[key]
        if len(found) != len(want):
            yield f"{key[0]}: {key[1]} has {len(found)} rows, as CSV {len(want)}"
        for i, (a, b) in enumerate(zip(found, want)):
            other = {name: (a.get(name), b.get(name)) for name in a | b if a.get(name) != b.get(name)}
            if other:
                yield f"{key[0]}: {key[1]}, row {i + 1}: {other} (found, as CSV)"
                break


class Lane:
    """Settles deliveries, and keeps what they come to as CSV."""

    def __init__(self, program):
        self.program, self.references = program, {}
        self.writing = threading.Lock()  # the writers know nothing of threads

    def settle(self, deliver):
        """Settles an inbox; returns what deliver returned, and every published table."""
        with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as root:
            root = pathlib.Path(root)
            with self.writing:
                written = deliver(root / "inbox")
            return written, settle(self.program, root)

    def settle_csv(self, rows):
        _, tables = self.settle(lambda inbox: variants.deliver(inbox, rows, delivered.write_csv, "csv"))
        return comparable(tables)

    def add_reference(self, fit):
        rows = delivered.deliveries(*fit)
        self.references[fit] = rows, self.settle_csv(rows)

    def check(self, variant):
        rows, wanted = self.references[variant.fit]
        written, tables = self.settle(lambda inbox: variant.deliver(inbox, rows))
        if written is not None:
            wanted = self.settle_csv(written)
        return list(differences(comparable(tables), wanted))

    def check_reference(self):
        """The reference is worth comparing with: rows of every fate, money that moves."""
        rows, tables = self.references[PLAIN.fit]
        codes = {row["code"] for (_, table), found in tables.items() if table == "exceptions" for row in found}
        wanted = {"missing_field", "invalid_value", "too_late", "future", "unknown_issuer", "wrong_merchant", "duplicate",
                  "conflict", "unknown_original", "unknown_column"}
        faults = [f"no row has the code {code}" for code in sorted(wanted - codes)]
        if sum(map(len, rows.values())) < 300:
            faults.append("there are less than 300 rows")
        for table in ("lines", "payments", "positions"):
            if not any(found for (_, name), found in tables.items() if name == table):
                faults.append(f"{table} is empty")
        return faults

    def check_refused(self, refused):
        """All refused files lie in one inbox, beside the good ones; returns the faults of each."""
        rows, wanted = self.references[PLAIN.fit]
        merchant, date = delivered.MERCHANTS[0], delivered.DATES[0]
        keys = {each: f"merchant={merchant}/date={date}/refused-{i}.parquet" for i, each in enumerate(refused)}

        def deliver(inbox):
            variants.deliver(inbox, rows, delivered.write_csv, "csv")
            for each, key in keys.items():
                each.write(rows[merchant, date], inbox / key)

        _, tables = self.settle(deliver)
        folder = f"{merchant} on {date}"
        inputs = {row["key"]: row for row in tables[folder, "inputs"]}
        exceptions = tables[folder, "exceptions"]
        for each, key in keys.items():
            faults = []
            held = inputs.get(key, {})
            if (held.get("state"), held.get("code"), held.get("accepted")) != ("held", each.code, 0):
                faults.append(f"it is {held.get('state')} with the code {held.get('code')}, not held with {each.code}")
            found = [row for row in exceptions if row["file"] == key]
            if [(row["code"], row["state"], row["column"]) for row in found] != [(each.code, "held", each.column)]:
                faults.append(f"its exceptions are {found}")
            elif not all(words in found[0]["message"] for words in each.message):
                faults.append(f"the message is {found[0]['message']!r}, without one of {each.message}")
            yield each.name, faults
        others = [f"{key}: {len(found)} rows, without the refused files {len(wanted[key])}" for key, found in tables.items()
                  if key[1] in ("detail", "lines", "payments", "points") and len(found) != len(wanted[key])]
        yield "beside them every other file is settled", others


def outcomes(lane):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lane.add_reference, {variant.fit for variant in [PLAIN, *variants.VARIANTS]}))
        checks = [(variant.name, pool.submit(attempt, lane.check, variant)) for variant in variants.VARIANTS]
        yield "the rows as CSV: 4 merchants, 3 nights, every kind and fault", attempt(lane.check_reference)
        for name, check in checks:
            yield name, check.result()
    yield from lane.check_refused(variants.REFUSED)


def attempt(check, *arguments):
    try:
        return check(*arguments)
    except Exception as error:  # a fault of one writer is no reason to leave out the others
        return [f"{type(error).__name__}: {error}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--settle", type=pathlib.Path, required=True, help="the program")
    lane = Lane(parser.parse_args().settle)
    passed = failed = 0
    try:
        for name, faults in outcomes(lane):
            print(f"{'FAIL' if faults else 'ok  '}  {name}", flush=True)
            for fault in faults[:5]:
                print(f"        {fault}")
            passed, failed = passed + (not faults), failed + bool(faults)
    except Exception as error:
        print(f"FAIL  {type(error).__name__}: {error}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
