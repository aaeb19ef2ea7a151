"""The columns of every published table, and the files of every folder.

A column is its name, its type, and whether it may be null. This list is written by hand and not
taken from the program: it is what a reader may rely on for ever (columns may be added at the end
of this list, never changed).
"""

from dataclasses import dataclass

import pyarrow as pa

# type: what pyarrow and DuckDB call it.
TYPES = {
    "text": (pa.string(), "VARCHAR"),
    "int32": (pa.int32(), "INTEGER"),
    "int64": (pa.int64(), "BIGINT"),
    "bool": (pa.bool_(), "BOOLEAN"),
    "date": (pa.date32(), "DATE"),
    "instant": (pa.timestamp("us", tz="UTC"), "TIMESTAMP WITH TIME ZONE"),
    "money": (pa.decimal128(18, 4), "DECIMAL(18,4)"),
    "price": (pa.decimal128(18, 8), "DECIMAL(18,8)"),
}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    nullable: bool


def columns(text):
    """One column a line: name, type, and "null" if it may be null."""
    listed = []
    for line in filter(str.strip, text.splitlines()):
        name, kind, *null = line.split()
        listed.append(Column(name, kind, null == ["null"]))
    return listed


EXCEPTIONS = """
    file           text
    row            int64 null
    transaction_id text  null
    code           text
    state          text
    column         text  null
    value          text  null
    points         int64 null
    message        text
"""

INPUTS = """
    key             text  null
    version         text  null
    bytes           int64 null
    sha256          text  null
    state           text
    code            text  null
    rows            int64
    accepted        int64
    deferred        int64
    rejected        int64
    issued_points   int64
    redeemed_points int64
"""

MERCHANT = {
    "summary": columns("""
        statement_no              text
        version                   int32
        supersedes                int32 null
        merchant_id               text
        settlement_date           date
        cycle_start               date
        cycle_end                 date
        cycle_closed              bool
        currency                  text
        receivable                money
        payable                   money
        cycle_receivable          money
        cycle_payable             money
        fees                      money
        tax                       money
        net                       money
        carried_in                money
        held                      money
        released                  money
        carried_out               money
        due                       money
        points_opening            int64 null
        points_issued             int64
        points_issue_reversed     int64
        points_redeemed_own       int64
        points_redeemed_elsewhere int64
        points_restored           int64
        points_expired            int64
        points_closing            int64 null
        points_redeemed_here      int64
        rows_accepted             int64
        rows_deferred             int64
        rows_rejected             int64
        is_complete               bool
        rulebook_digest           text
        computation_id            text
    """),
    "statement": columns("""
        statement_no    text
        version         int32
        line_no         int32
        role            text
        counterparty_id text
        activity        text
        business_date   date
        late            bool
        price_id        text
        price           price null
        per_points      int64 null
        currency        text
        transactions    int64
        points          int64
        value           money
    """),
    "detail": columns("""
        statement_no    text
        line_no         int32 null
        allocation_id   text
        role            text
        counterparty_id text
        activity        text
        business_date   date
        occurred_at     instant
        late            bool
        transaction_id  text  null
        lot_merchant_id text  null
        lot_id          text  null
        lot_issued_on   date  null
        points          int64
        price           price null
        per_points      int64 null
        amount          money
    """),
    "exceptions": columns(EXCEPTIONS),
    "inputs": columns(INPUTS),
}

ALLIANCE = {
    "lines": columns("""
        issuer_id     text
        redeemer_id   text
        activity      text
        business_date date
        late          bool
        price_id      text
        price         price null
        per_points    int64 null
        currency      text
        transactions  int64
        points        int64
        value         money
    """),
    "positions": columns("""
        party_id    text
        currency    text
        receivable  money
        payable     money
        fees        money
        tax         money
        net         money
        carried_in  money
        held        money
        released    money
        carried_out money
        due         money
    """),
    "fees": columns("""
        merchant_id  text
        fee_id       text
        currency     text
        base         money
        transactions int64
        fee          money
        tax_rate     price
        tax          money
    """),
    "payments": columns("""
        payment_id   text
        payer_id     text
        payee_id     text
        currency     text
        amount       money
        statement_no text
    """),
    "points": columns("""
        issuer_id          text
        opening            int64 null
        issued             int64
        issue_reversed     int64
        redeemed_own       int64
        redeemed_elsewhere int64
        restored           int64
        expired            int64
        closing            int64 null
    """),
    "exceptions": columns("merchant_id text null\n" + EXCEPTIONS),
    "inputs": columns("merchant_id text null\n" + INPUTS),
}
