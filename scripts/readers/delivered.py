"""What merchants deliver: rows of every kind and fault, and the same rows as CSV."""

import csv
import datetime
import decimal
import random

DATES = ["2026-07-03", "2026-07-04", "2026-07-05"]
MERCHANTS = ["Bakery", "Cinema", "Garage", "Museum"]
# Had no sale on the last night: a file without rows.
EMPTY = ("Museum", DATES[-1])
ROWS = 28

RULES = """
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin, cycle: weekly}
intake: {accept_late_days: 3, accept_early_days: 2, wait_days: 1, max_rejected: {share: "0.9", rows: 1000}}
ledger: {lots: tracked, attribution: own_first}
prices: [{id: base, price: "1.00", per_points: 100}]
fees: [{id: clearing, payer: redeemer, rate: "0.015"}]
netting: {mode: multilateral, holdback: {rate: "0.05", release_after: 1}}
merchants:
""" + "".join(f"  - {{id: {merchant}, joined: 2026-01-01}}\n" for merchant in MERCHANTS)

# What the columns hold; "text" unless said here. The last two are no columns of the format: one is
# plain and one nested.
HOLDS = {"points": "points", "occurred_at": "instant", "original_date": "date", "expires_on": "date", "amount": "amount", "till": "till", "basket": "basket"}
COLUMNS = ["transaction_id", "member_id", "kind", "points", "occurred_at", "merchant_id", "issuer_id", "original_transaction_id",
           "original_date", "expires_on", "amount", "currency", "reason", "store_id", "till", "basket"]
UNKNOWN = ["till", "basket"]

MEMBERS = ["m1", "客户-7", "Zoë", "Ольга", "🙂", 'O"Neil, Pat', " m 1 "]
BEFORE_1970_s = -1

# Faults of a row, and what looks like one: each is applied to some rows of every delivery.
FAULTS = [
    {"points": 0}, {"points": -7}, {"points": 10**12 + 1}, {"points": 2**64 - 1}, {"points": None},
    {"occurred_at": None}, {"occurred_at": BEFORE_1970_s * 10**9}, "too late", "tomorrow",
    {"transaction_id": None}, {"transaction_id": ""}, {"transaction_id": "Zoe\u0308"}, {"member_id": "tab\there"},
    {"kind": "gift"}, {"merchant_id": "Nobody"}, {"issuer_id": "Nobody"}, {"currency": "USD"}, {"currency": "eur"}, {"amount": decimal.Decimal("5.00"), "currency": None},
    {"reason": "Not A Reason"}, {"store_id": "two\nlines"}, {"store_id": "x" * 200}, {"expires_on": datetime.date(2026, 1, 1)},
    {"amount": decimal.Decimal("-12.30")}, "again", "again with more points",
]


def noon_ns(date):
    noon = datetime.datetime.fromisoformat(date + "T12:00:00+00:00")
    return int(noon.timestamp()) * 10**9


def deliveries(low, high, unit_ns):
    """The rows of every merchant and date. Points outside low … high are 1 instead, and instants
    are cut to a unit: what is to be the same in every type must fit into all of them."""
    chance = random.Random(1)
    delivered = {}
    for date in DATES:
        for merchant in MERCHANTS:
            rows = []
            for i in range(ROWS if (merchant, date) != EMPTY else 0):
                row = good_row(chance, merchant, date, i)
                if i % 4 == 3:
                    fault = FAULTS[(len(delivered) * 7 + i // 4) % len(FAULTS)]
                    row = faulty_row(fault, row, rows, date)
                if row["points"] is not None and not low <= row["points"] <= high:
                    row["points"] = 1
                if row["occurred_at"] is not None:
                    row["occurred_at"] -= row["occurred_at"] % unit_ns
                rows.append(row)
            delivered[merchant, date] = rows
    return delivered


def good_row(chance, merchant, date, i):
    row = dict.fromkeys(COLUMNS)
    row |= {"transaction_id": f"{merchant}-{date}-№{i}", "member_id": chance.choice(MEMBERS), "kind": "issue", "points": chance.randint(1, 900),
            "occurred_at": noon_ns(date) + i * 61_234_567_891, "till": i % 3, "basket": [f"item {n}" for n in range(i % 4)] if i % 5 else None}
    if i % 3 == 0:
        row |= {"merchant_id": merchant, "amount": decimal.Decimal(chance.randint(0, 99_999)) / 100, "currency": "EUR", "reason": "purchase"}
    if merchant != "Cinema":  # who has no stores: a column without any value
        row["store_id"] = chance.choice([None, "", "center, left", "Straße 5"])
    date_of_original = chance.choice([date, DATES[0]])
    original = {"original_transaction_id": f"{merchant}-{date_of_original}-№{chance.randrange(ROWS)}"}
    match chance.randrange(10):
        case 0 | 1 | 2:
            row["kind"] = "redeem"
        case 3:
            row |= {"kind": "redeem", "issuer_id": chance.choice(MERCHANTS)}
        case 4:
            row |= original | {"kind": "redeem_reversal", "original_date": datetime.date.fromisoformat(date_of_original)}
        case 5:
            row |= original | {"kind": "issue_reversal", "points": 5}
        case 6:
            row["expires_on"] = datetime.date.fromisoformat(date) + datetime.timedelta(days=chance.randint(0, 40))
    return row


def faulty_row(fault, row, rows, date):
    match fault:
        case "too late":
            return row | {"occurred_at": noon_ns("2026-05-01")}
        case "tomorrow":
            return row | {"occurred_at": noon_ns(date) + 86_400 * 10**9}
        case "again":
            return rows[-1].copy()
        case "again with more points":
            return rows[-1] | {"points": (rows[-1]["points"] or 1) + 1}
    return row | fault


def instant_text(instant_ns):
    seconds, digits = divmod(instant_ns, 10**9)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.isoformat() + (f".{digits:09}".rstrip("0") if digits else "") + "Z"


def text(column, value):
    """A value as CSV says it."""
    if value is None:
        return ""
    match HOLDS.get(column, "text"):
        case "instant":
            return instant_text(value)
        case "amount":
            return f"{value:.2f}"
        case "basket":
            return ";".join(value)
    return str(value)


def write_csv(rows, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows([text(column, row[column]) for column in COLUMNS] for row in rows)
