"""Checks every published table: see the groups below. Called by the script `run` beside it."""

import argparse
import collections
import datetime
import decimal
import json
import pathlib
import subprocess
import sys

import pandas

import published
import readers

ZERO = decimal.Decimal(0)
GROUPS = []


def group(title):
    """Makes a function a group of checks; it is given the published folders and check."""

    def register(function):
        GROUPS.append((title, function))
        return function

    return register


class Bucket:
    """All that is published: the folders, by merchant and date."""

    def __init__(self, options):
        self.options = options
        self.statements = options.root / "statements"
        self.folders = readers.open_all(self.statements)
        self.merchants = [f for f in self.folders if f.merchant]
        self.alliances = [f for f in self.folders if not f.merchant]
        self.by_key = {(f.merchant, f.date): f for f in self.folders}
        self.duck = readers.connect()

    def files(self):
        for folder in self.folders:
            for name, file in folder.files.items():
                yield f"{folder}: {name}", file

    def of_date(self, date):
        return [f for f in self.merchants if f.date == date]


@group("every folder holds what _statement.json names: files, rows, SHA-256")
def check_manifests(bucket, check):
    check(bucket.merchants and bucket.alliances, "nothing is published")
    check(not [f for f in bucket.alliances if not bucket.of_date(f.date)], "a date without statements")
    for folder in bucket.folders:
        check(folder.names == folder.expected_names(), f"{folder}: holds {folder.names}")
        check(sorted(e["name"] for e in folder.manifest["files"]) == [n for n in folder.names if n != "_statement.json"],
              f"{folder}: _statement.json names other files than {folder.names}")
        for entry in folder.manifest["files"]:
            check(folder.sha256(entry["name"]) == entry["sha256"], f"{folder}: {entry['name']} has another SHA-256")
        for name, rows in ((e["name"], e["rows"]) for e in folder.manifest["files"]):
            check(name in folder.files and folder.files[name].metadata.num_rows == rows, f"{folder}: {name} has not {rows} rows")
        if folder.merchant:
            number = f"ST-{folder.merchant}-{folder.date.replace('-', '')}-{folder.manifest['version']}"
            numbers = {folder.manifest["statement_no"]} | {row["statement_no"] for t in ("summary", "statement", "detail") for row in folder.rows[t]}
            check(numbers == {number}, f"{folder}: statement_no is {numbers}, not {number}")
            check(len(folder.rows["summary"]) == 1, f"{folder}: the summary has not one row")
            check((folder.summary["merchant_id"], str(folder.summary["settlement_date"])) == (folder.merchant, folder.date), f"{folder}: the summary is of another")


@group("pyarrow finds the columns, their order, their types and which may be null")
def check_arrow_schemas(bucket, check):
    for where, file in bucket.files():
        found = [(f.name, f.type, f.nullable) for f in file.schema]
        wanted = [(c.name, published.TYPES[c.type][0], c.nullable) for c in file.columns]
        check(found == wanted, f"{where}: {difference(found, wanted)}")


@group("DuckDB finds the columns, their order and their types")
def check_duck_schemas(bucket, check):
    for where, file in bucket.files():
        found = file.duck_columns(bucket.duck)
        wanted = [(c.name, published.TYPES[c.type][1]) for c in file.columns]
        check(found == wanted, f"{where}: {difference(found, wanted)}")


def difference(found, wanted):
    for i in range(max(len(found), len(wanted))):
        a, b = ([*x[i:i + 1], None][0] for x in (found, wanted))
        if a != b:
            return f"column {i + 1} is {a}, not {b}"


@group("every column chunk is compressed by Zstandard")
def check_codecs(bucket, check):
    for where, file in bucket.files():
        for codec in file.compressions():
            check(codec == "ZSTD", f"{where}: {codec}")


@group("pyarrow and DuckDB read the same rows")
def check_rows(bucket, check):
    for where, file in bucket.files():
        check(file.arrow_rows() == file.duck_rows(bucket.duck), f"{where}: the rows differ")


@group("pyarrow and DuckDB add up to the same sums")
def check_sums(bucket, check):
    for where, file in bucket.files():
        found, other = file.arrow_sums(), file.duck_sums(bucket.duck)
        for name in found:
            check(found[name] == other[name], f"{where}: sum of {name} is {found[name]} by pyarrow, {other[name]} by DuckDB")


@group("nulls are where they mean something, and nowhere else")
def check_nulls(bucket, check):
    for folder in bucket.merchants:
        check((folder.summary["supersedes"] is None) == (folder.summary["version"] == 1), f"{folder}: supersedes")
        for row in folder.rows["statement"]:
            by_hand = row["activity"] == "adjustment"
            check((row["price"] is None) == by_hand and (row["per_points"] is None) == by_hand, f"{folder}: price of line {row['line_no']}")
        for row in folder.rows["detail"]:
            own, issuer = row["role"] == "own", row["role"] == "issuer"
            where = f"{folder}: allocation {row['allocation_id']}"
            check([row[n] is None for n in ("line_no", "price", "per_points")] == [own] * 3, where + ": line_no and price")
            check(not own or row["amount"] == 0, where + ": an amount on-us")
            check((row["transaction_id"] is None) == issuer, where + ": transaction_id is the redeemer's and own copy's")
            lot = {row[n] is None for n in ("lot_merchant_id", "lot_id", "lot_issued_on")}
            check(len(lot) == 1 and (row["role"] != "redeemer" or lot == {True}), where + ": the lot is the issuer's and own copy's")
    for folder in bucket.alliances:
        for row in folder.rows["points"]:
            check((row["opening"] is None) == (row["closing"] is None), f"{folder}: points of {row['issuer_id']}")


@group("a summary's receivable and payable are its statement's lines, and the cycle's their sum")
def check_summaries(bucket, check):
    running = collections.defaultdict(lambda: ZERO)
    for folder in sorted(bucket.merchants, key=lambda f: f.date):
        s, lines = folder.summary, folder.rows["statement"]
        check(sum((l["value"] for l in lines), ZERO) == s["receivable"] - s["payable"], f"{folder}: the lines' values are not receivable - payable")
        check([l["line_no"] for l in lines] == list(range(1, len(lines) + 1)), f"{folder}: line_no")
        for role, name, sign in (("redeemer", "receivable", 1), ("issuer", "payable", -1)):
            check(sign * sum((l["value"] for l in lines if l["role"] == role), ZERO) == s[name], f"{folder}: {name}")
            key = folder.merchant, name, s["cycle_start"]
            running[key] += s[name]
            check(running[key] == s["cycle_" + name], f"{folder}: cycle_{name}")
        check(s["cycle_start"] <= s["settlement_date"] <= s["cycle_end"], f"{folder}: the cycle")
        check(s["cycle_closed"] == (s["settlement_date"] == s["cycle_end"]), f"{folder}: cycle_closed")
        for count in ("accepted", "deferred", "rejected"):
            check(s["rows_" + count] == sum(row[count] for row in folder.rows["inputs"]), f"{folder}: rows_{count}")


@group("the detail of each line adds up to the line, and counts its transactions")
def check_details(bucket, check):
    for folder in bucket.merchants:
        of_line = collections.defaultdict(list)
        for row in folder.rows["detail"]:
            of_line[row["line_no"]].append(row)
        lines = [l for l in folder.rows["statement"] if l["activity"] != "adjustment"]
        check(set(of_line) - {None} == {l["line_no"] for l in lines}, f"{folder}: lines without detail, or the reverse")
        for line in lines:
            where, rows = f"{folder}: line {line['line_no']}", of_line[line["line_no"]]
            check(sum(r["points"] for r in rows) == line["points"], where + ": points")
            check(sum((r["amount"] for r in rows), ZERO) == line["value"], where + ": value")
            for name in ("role", "counterparty_id", "activity", "business_date", "late", "price", "per_points"):
                check({r[name] for r in rows} == {line[name]}, f"{where}: {name}")
            if line["role"] == "redeemer":
                count = len({r["transaction_id"] for r in rows}) if line["activity"] == "redemption" else 0
                check(count == line["transactions"], where + ": transactions")


@group("both sides of an allocation show the same, and no id comes twice")
def check_sides(bucket, check):
    shared = ("activity", "business_date", "occurred_at", "late", "points", "price", "per_points")
    for alliance in bucket.alliances:
        sides = {}
        statements = bucket.of_date(alliance.date)
        for folder in statements:
            for row in folder.rows["detail"]:
                key = folder.merchant, row["allocation_id"]
                check(key not in sides, f"{folder}: allocation {row['allocation_id']} comes twice")
                sides[key] = row
        known = {folder.merchant for folder in statements}
        for (merchant, allocation), row in sides.items():
            if row["role"] == "own" or row["counterparty_id"] not in known:
                continue
            other = sides.get((row["counterparty_id"], allocation))
            where = f"{merchant} on {alliance.date}: allocation {allocation}"
            if check(other is not None, f"{where}: {row['counterparty_id']} does not have it"):
                check(row["amount"] == -other["amount"] and {row["role"], other["role"]} == {"issuer", "redeemer"}, where + ": amounts or roles")
                check([row[n] for n in shared] == [other[n] for n in shared], where + ": the sides differ")


@group("the alliance's lines are all the statements' lines, once")
def check_lines(bucket, check):
    names = [c.name for c in published.ALLIANCE["lines"] if c.name not in ("issuer_id", "redeemer_id", "value")]
    for alliance in bucket.alliances:
        wanted, found = collections.Counter(), collections.Counter()
        statements = bucket.of_date(alliance.date)
        known = {folder.merchant for folder in statements}
        for line in alliance.rows["lines"]:
            for party in (line["issuer_id"], line["redeemer_id"]):
                if party in known:
                    wanted[party, line["issuer_id"], line["redeemer_id"], line["value"], *(line[n] for n in names)] += 1
            check({line["issuer_id"], line["redeemer_id"]} & known, f"{alliance}: a line of nobody's statement")
        for folder in statements:
            for line in folder.rows["statement"]:
                parties = (folder.merchant, line["counterparty_id"])
                issuer, redeemer = parties if line["role"] == "issuer" else parties[::-1]
                value = -line["value"] if line["role"] == "issuer" else line["value"]
                found[folder.merchant, issuer, redeemer, value, *(line[n] for n in names)] += 1
        check(found == wanted, f"{alliance}: {found - wanted} {wanted - found}")


@group("positions add up to zero, are the summaries', and are what is paid")
def check_positions(bucket, check):
    names = [c.name for c in published.ALLIANCE["positions"] if c.type == "money"]
    at_close = names[2:]  # from fees to due
    check(any(folder.rows["positions"] for folder in bucket.alliances), "no cycle was closed")
    for alliance in bucket.alliances:
        positions = {row["party_id"]: row for row in alliance.rows["positions"]}
        merchants = {folder.merchant: folder for folder in bucket.of_date(alliance.date)}
        closed = any(folder.summary["cycle_closed"] for folder in merchants.values())
        check(bool(positions) == closed, f"{alliance}: positions")
        for name in names:
            total = sum((row[name] for row in positions.values()), ZERO)
            if name not in ("receivable", "payable"):
                check(total == 0, f"{alliance}: {name} adds up to {total}")
        check(sum((row["receivable"] - row["payable"] for row in positions.values()), ZERO) == 0, f"{alliance}: receivable - payable")
        due = collections.Counter()
        for row in alliance.rows["payments"]:
            due[row["payer_id"]] -= row["amount"]
            due[row["payee_id"]] += row["amount"]
            check(row["amount"] > 0, f"{alliance}: payment {row['payment_id']}")
            owner = [folder for folder in merchants.values() if folder.manifest["statement_no"] == row["statement_no"]]
            check(owner and owner[0].merchant in (row["payer_id"], row["payee_id"]), f"{alliance}: {row['statement_no']} of a payment")
        for party, row in positions.items():
            where = f"{alliance}: position of {party}"
            check(row["net"] == row["receivable"] - row["payable"] - row["fees"] - row["tax"], where + ": net")
            check(row["carried_in"] + row["net"] + row["released"] == row["held"] + row["carried_out"] + row["due"], where + ": due")
            check(row["due"] == due[party], where + ": what is paid")
            if party in merchants:
                s = merchants[party].summary
                check([row[n] for n in names] == [s["cycle_receivable"], s["cycle_payable"]] + [s[n] for n in at_close], where + ": the summary differs")
        for folder in merchants.values():
            if not closed:
                check(all(folder.summary[n] == 0 for n in at_close), f"{folder}: money before the cycle closed")
            for name, total in (("fee", "fees"), ("tax", "tax")):
                fees = sum((row[name] for row in alliance.rows["fees"] if row["merchant_id"] == folder.merchant), ZERO)
                check(fees == folder.summary[total], f"{folder}: {total}")


@group("points roll forward, within a date and from date to date, and agree with the summaries")
def check_points(bucket, check):
    names = [c.name for c in published.ALLIANCE["points"] if c.name != "issuer_id"]
    before = {}
    for alliance in sorted(bucket.alliances, key=lambda f: f.date):
        for row in alliance.rows["points"]:
            where = f"{alliance}: points of {row['issuer_id']}"
            out = row["issue_reversed"] + row["redeemed_own"] + row["redeemed_elsewhere"] + row["expired"]
            check(row["opening"] + row["issued"] + row["restored"] - out == row["closing"], where + " do not roll forward")
            check(row["opening"] == before.get(row["issuer_id"], 0), where + " do not open with the last closing")
            before[row["issuer_id"]] = row["closing"]
            folder = bucket.by_key.get((row["issuer_id"], alliance.date))
            if folder:
                check([row[n] for n in names] == [folder.summary["points_" + n] for n in names], where + ": the summary differs")


@group("the alliance's exceptions and inputs are the merchants', together")
def check_exceptions(bucket, check):
    for alliance in bucket.alliances:
        for table in ("exceptions", "inputs"):
            merchants = {f.merchant: f.rows[table] for f in bucket.of_date(alliance.date)}
            theirs = [{"merchant_id": m, **row} for m, rows in sorted(merchants.items()) for row in rows]
            own = [row for row in alliance.rows[table] if row["merchant_id"] in merchants]
            check(sorted(own, key=repr) == sorted(theirs, key=repr), f"{alliance}: {table} differ")


@group("`settle show --json` says the same as the tables")
def check_show(bucket, check):
    for folder in bucket.merchants:
        command = [bucket.options.settle, "show", "--root", bucket.options.root, "--merchant", folder.merchant, "--date", folder.date, "--json"]
        shown = subprocess.run(command, capture_output=True, text=True)
        if not check(shown.returncode == 0, f"{folder}: settle show: exit code {shown.returncode}: {shown.stderr.strip()}"):
            continue
        try:
            shown = json.loads(shown.stdout)
        except ValueError as error:
            check(False, f"{folder}: settle show: {error}")
            continue
        check(shown["files"] == folder.manifest["files"], f"{folder}: files")
        check(shown["summary"] == as_json(folder.summary), f"{folder}: summary")
        for table in ("statement", "exceptions", "inputs"):
            check(shown[table] == [as_json(row) for row in folder.rows[table]], f"{folder}: {table}")
        value = sum((decimal.Decimal(line["value"]) for line in shown["statement"]), ZERO)
        check(value == folder.summary["receivable"] - folder.summary["payable"], f"{folder}: the sum of the values shown")


def as_json(row):
    """A row as `settle show --json` writes it: decimals and dates as text."""
    return {name: str(value) if isinstance(value, (decimal.Decimal, datetime.date)) else value for name, value in row.items()}


@group("pandas reads a statement in two lines, DuckDB all of them in one")
def check_clerks(bucket, check):
    folder = max(bucket.merchants, key=lambda f: len(f.rows["statement"]))
    statements = bucket.statements

    statement = pandas.read_parquet(statements / f"merchant={folder.merchant}" / f"date={folder.date}" / "statement.parquet")
    shown = statement.groupby(["role", "counterparty_id"])[["points", "value"]].sum()

    print(f"      pandas, {folder}:", *str(shown).splitlines(), sep="\n        ")
    check(shown["value"].sum() == folder.summary["receivable"] - folder.summary["payable"], f"{folder}: the sum of the values")
    check(all(isinstance(value, decimal.Decimal) for value in statement["value"]), f"{folder}: money is not exact")
    check(len(statement) == len(folder.rows["statement"]), f"{folder}: rows")

    all_lines = bucket.duck.sql(f"SELECT merchant, sum(points), sum(value) FROM '{statements}/merchant=*/date=*/statement.parquet' GROUP BY merchant ORDER BY merchant")

    print("      DuckDB, all statements:", *str(all_lines).splitlines(), sep="\n        ")
    for merchant, points, value in all_lines.fetchall():
        lines = [line for f in bucket.merchants if f.merchant == merchant for line in f.rows["statement"]]
        check((points, value) == (sum(l["points"] for l in lines), sum((l["value"] for l in lines), ZERO)), f"{merchant}: sums over all dates")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settle", required=True, help="the program")
    parser.add_argument("--root", required=True, type=pathlib.Path, help="where statements/ lies")
    try:
        bucket = Bucket(parser.parse_args())
    except Exception as error:
        print(f"FAIL  what is published cannot be opened: {error}\n0 passed, 1 failed")
        return 1
    passed = failed = 0
    for title, function in GROUPS:
        faults, checks = [], 0

        def check(holds, message):
            nonlocal checks
            checks += 1
            if not holds:
                faults.append(message)
            return bool(holds)

        try:
            function(bucket, check)
            check(checks > 0, "nothing was checked")
        except Exception as error:  # a fault of one group is no reason to leave out the others
            faults.append(f"{type(error).__name__}: {error}")
        print(f"{'FAIL' if faults else 'ok  '}  {title} ({checks} checks)")
        for fault in faults[:5]:
            print(f"        {fault}")
        if len(faults) > 5:
            print(f"        and {len(faults) - 5} more")
        passed, failed = passed + (not faults), failed + bool(faults)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
