"""The writers of Parquet that merchants use, with the settings that change what they write."""

import dataclasses
import decimal
import typing

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

import delivered

# Rows of a file that is written in several row groups or pages.
FEW = 7


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to write all deliveries. The points are within low … high, the instants whole units."""

    name: str
    write: typing.Callable | None
    low: int = -(2**63)
    high: int = 2**63 - 1
    unit_ns: int = 1000
    # whole: write takes the inbox and all deliveries, not the rows and the path of one file, and
    # returns the deliveries, if their rows lie in another order.
    whole: bool = False

    @property
    def fit(self):
        return self.low, self.high, self.unit_ns

    def deliver(self, inbox, deliveries):
        if self.whole:
            return self.write(inbox, deliveries)
        return deliver(inbox, deliveries, self.write, "parquet")


@dataclasses.dataclass(frozen=True)
class Refused:
    """A file that is held: its code, the column that the exception names, and parts of the message."""

    name: str
    write: typing.Callable
    column: str | None
    message: tuple
    code: str = "wrong_type"


def deliver(inbox, deliveries, write, ending):
    for (merchant, date), rows in deliveries.items():
        folder = inbox / f"merchant={merchant}" / f"date={date}"
        folder.mkdir(parents=True, exist_ok=True)
        write(rows, folder / f"sales.{ending}")


# pyarrow

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
TYPES = {"text": pa.string(), "points": pa.int64(), "instant": pa.timestamp("us", "UTC"), "date": pa.date32(), "amount": pa.decimal128(12, 2),
         "till": pa.int32(), "basket": pa.list_(pa.struct([("sku", pa.string()), ("price", pa.float64())]))}


# A day as an instant, as some tools have it.
DAYS = pa.timestamp("s", "Etc/UTC")


def array(values, wanted):
    if pa.types.is_timestamp(wanted) and wanted == DAYS:
        return pa.array(values, pa.date32()).cast(wanted)
    if pa.types.is_timestamp(wanted):
        unit = UNITS[wanted.unit]
        return pa.array([None if v is None else v // unit for v in values], pa.int64()).cast(wanted)
    if pa.types.is_list(wanted):
        return pa.array([None if v is None else [{"sku": sku, "price": 1.5} for sku in v] for v in values], wanted)
    if pa.types.is_decimal(wanted):
        return pa.array([None if v is None else decimal.Decimal(v) for v in values], wanted)
    if pa.types.is_dictionary(wanted):
        return pa.array(values, wanted.value_type).dictionary_encode()
    if pa.types.is_floating(wanted):
        return pa.array([None if v is None else float(v) for v in values], wanted)
    return pa.array(values, wanted)


def texts_of(rows, column):
    return [None if row[column] is None else delivered.text(column, row[column]) for row in rows]


def table(rows, **types):
    """The rows as an Arrow table; types are by what columns hold, or by column."""
    arrays = []
    for column in delivered.COLUMNS:
        holds = delivered.HOLDS.get(column, "text")
        wanted = types.get(column) or types.get(holds) or TYPES[holds]
        typed = holds == "text" or not (pa.types.is_string(wanted) or pa.types.is_large_string(wanted))
        arrays.append(array([row[column] for row in rows] if typed else texts_of(rows, column), wanted))
    return pa.table(arrays, delivered.COLUMNS)


def untyped(rows):
    """The rows as a table in which columns without any value have no type."""
    return table(rows, **{column: pa.null() for column in delivered.COLUMNS if all(row[column] is None for row in rows)})


def arrow(types=None, **options):
    return lambda rows, path: pq.write_table(table(rows, **types or {}), path, **options)


def with_folder(merchant, date, rows):
    whole = table(rows)
    for name, value in (("merchant", merchant), ("date", date)):
        whole = whole.append_column(name, pa.array([value] * len(rows), pa.string()))
    return whole


def arrow_folders(inbox, deliveries):
    whole = pa.concat_tables(with_folder(*place, rows) for place, rows in deliveries.items())
    folders = pyarrow.dataset.partitioning(pa.schema([("merchant", pa.string()), ("date", pa.string())]), flavor="hive")
    pyarrow.dataset.write_dataset(whole, inbox, format="parquet", partitioning=folders, use_threads=False)
    deliver(inbox, {delivered.EMPTY: []}, arrow(), "parquet")


# pandas

ANY_ROW = dict.fromkeys(delivered.COLUMNS, "") | {"points": 1, "occurred_at": 0, "till": 1, "basket": []} | dict.fromkeys(["original_date", "expires_on", "amount"])


def frame(rows, points="Int64", instant="datetime64[us, UTC]"):
    """The rows as pandas users have them: objects of dates and decimals, and columns without a value."""
    if not rows:  # what is left of rows of another day
        return frame([ANY_ROW], points, instant).iloc[:0]
    columns = {column: [row[column] for row in rows] for column in delivered.COLUMNS}
    columns["occurred_at"] = pandas.Series(pandas.to_datetime(columns["occurred_at"], unit="ns", utc="UTC" in instant)).astype(instant)
    whole = pandas.DataFrame(columns)
    whole["points"] = pandas.Series(columns["points"], dtype=points)
    for column in ("original_date", "expires_on", "amount"):
        whole[column] = pandas.Series(columns[column], dtype=object)
    return whole


def frame_with_index(rows, path):
    frame(rows).set_index("transaction_id").to_parquet(path)


def frame_without_types(rows, path):
    """On a day without rows no column has a type."""
    whole = frame(rows) if rows else pandas.DataFrame([], columns=delivered.COLUMNS)
    whole.to_parquet(path)


def frame_of_arrow(rows, path):
    frame(rows, instant="datetime64[ns, UTC]").convert_dtypes(dtype_backend="pyarrow").to_parquet(path)


def frame_of_categories(rows, path):
    whole = frame(rows)
    for column in ("kind", "member_id", "reason", "currency"):
        whole[column] = whole[column].astype("category")
    whole.to_parquet(path, compression="zstd")


# DuckDB

DUCK = duckdb.connect(config={"threads": 1})
DUCK.execute("SET TimeZone = 'Europe/Berlin'")


def duck(replace="", options="", rows_of=table):
    """COPY of a query that replaces some columns."""
    select = f"SELECT * REPLACE ({replace}) FROM sales" if replace else "SELECT * FROM sales"

    def write(rows, path):
        DUCK.register("sales", rows_of(rows))
        DUCK.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet{', ' if options else ''}{options})")
        DUCK.unregister("sales")

    return write


def duck_folders(inbox, deliveries):
    """One COPY writes all folders. It does not keep the order of rows."""
    DUCK.register("sales", pa.concat_tables(with_folder(*place, rows) for place, rows in deliveries.items()))
    DUCK.execute(f"COPY sales TO '{inbox}' (FORMAT parquet, PARTITION_BY (merchant, date))")
    DUCK.unregister("sales")
    deliver(inbox, {delivered.EMPTY: []}, duck(), "parquet")
    return {place: list(in_order_of(inbox / f"merchant={place[0]}" / f"date={place[1]}", rows)) for place, rows in deliveries.items()}


def in_order_of(folder, rows):
    [path] = folder.iterdir()
    left = rows.copy()
    for found in pq.ParquetFile(path).read(["transaction_id", "points"]).to_pylist():
        row = next(row for row in left if all(row[column] == value for column, value in found.items()))
        left.remove(row)
        yield row


# polars

def polar(change=lambda frame: [], **options):
    """write_parquet of the rows after some columns were changed."""
    return lambda rows, path: changed(rows, change).write_parquet(path, **options)


def changed(rows, change):
    frame = polars.from_arrow(table(rows))
    return frame.with_columns(*change(frame))


def without_values(frame):
    """Columns without any value have no type either."""
    return [polars.lit(None).alias(name) for name in frame.columns if frame[name].null_count() == len(frame)]


def polar_stream(rows, path):
    polars.from_arrow(table(rows)).lazy().sink_parquet(path, row_group_size=FEW)


col = polars.col
KINDS = ["issue", "redeem", "redeem_reversal", "issue_reversal", "gift"]
INT32 = {"low": -(2**31), "high": 2**31 - 1}
UINT32 = {"low": 0, "high": 2**32 - 1}
UINT64 = {"low": 0, "high": 2**64 - 1}
ALL64 = {"low": -(2**63), "high": 2**64 - 1}
MS, NS = {"unit_ns": 10**6}, {"unit_ns": 1}
SMALL_PAGES = {"data_page_size": 64, "write_batch_size": 2}

VARIANTS = [
    Variant("pyarrow: as it is, SNAPPY", arrow()),
    *[Variant(f"pyarrow: {codec}, {'dictionary' if dictionary else 'no dictionary'}, pages {version}",
              arrow(compression=codec, use_dictionary=dictionary, data_page_version=version))
      for codec, dictionary, version in (("none", False, "1.0"), ("none", True, "2.0"), ("snappy", False, "2.0"), ("gzip", True, "1.0"),
                                         ("gzip", False, "2.0"), ("brotli", True, "2.0"), ("brotli", False, "1.0"), ("zstd", True, "1.0"),
                                         ("zstd", False, "2.0"), ("lz4", True, "1.0"), ("lz4", False, "2.0"))],
    Variant("pyarrow: row groups of 7, small pages, checksums, page index",
            arrow(row_group_size=FEW, write_page_checksum=True, write_page_index=True, **SMALL_PAGES)),
    Variant("pyarrow: pages 2.0, small, checksums, no dictionary",
            arrow(data_page_version="2.0", use_dictionary=False, write_page_checksum=True, max_rows_per_page=3, **SMALL_PAGES)),
    Variant("pyarrow: dictionary that is given up", arrow(dictionary_pagesize_limit=40, **SMALL_PAGES)),
    Variant("pyarrow: DELTA encodings", arrow(use_dictionary=False, column_encoding={
        "points": "DELTA_BINARY_PACKED", "occurred_at": "DELTA_BINARY_PACKED", "original_date": "DELTA_BINARY_PACKED",
        "transaction_id": "DELTA_BYTE_ARRAY", "member_id": "DELTA_LENGTH_BYTE_ARRAY", "kind": "DELTA_BYTE_ARRAY", "amount": "DELTA_BYTE_ARRAY"})),
    Variant("pyarrow: no statistics, no Arrow schema", arrow(write_statistics=False, store_schema=False)),
    Variant("pyarrow: bloom filters, content-defined chunks",
            arrow(use_content_defined_chunking=True, bloom_filter_options={"transaction_id": {"ndv": 100, "fpp": 0.01}})),
    Variant("pyarrow: format 1.0", arrow(version="1.0")),
    Variant("pyarrow: format 2.4", arrow(version="2.4")),
    Variant("pyarrow: large_string", arrow({"text": pa.large_string()})),
    Variant("pyarrow: string_view", arrow({"text": pa.string_view()})),
    Variant("pyarrow: dictionary arrays", arrow({"text": pa.dictionary(pa.int32(), pa.string())})),
    Variant("pyarrow: binary", arrow({"text": pa.binary()})),
    Variant("pyarrow: all columns text", arrow({holds: pa.string() for holds in ("points_", "instant", "date", "amount")})),
    Variant("pyarrow: no type where there is no value", lambda rows, path: pq.write_table(untyped(rows), path)),
    Variant("pyarrow: timestamp[s, UTC]", arrow({"instant": pa.timestamp("s", "UTC")}), unit_ns=10**9),
    Variant("pyarrow: timestamp[ms, UTC]", arrow({"instant": pa.timestamp("ms", "UTC")}), **MS),
    Variant("pyarrow: timestamp[us, Asia/Shanghai]", arrow({"instant": pa.timestamp("us", "Asia/Shanghai")})),
    Variant("pyarrow: timestamp[ns, UTC]", arrow({"instant": pa.timestamp("ns", "UTC")}), **NS),
    Variant("pyarrow: timestamp[ns, UTC] coerced to ms", arrow({"instant": pa.timestamp("ns", "UTC")}, coerce_timestamps="ms"), **MS),
    Variant("pyarrow: int32 points", arrow({"points": pa.int32()}), **INT32),
    Variant("pyarrow: uint32 points", arrow({"points": pa.uint32()}), **UINT32),
    Variant("pyarrow: uint32 points, format 1.0", arrow({"points": pa.uint32()}, version="1.0"), **UINT32),
    Variant("pyarrow: uint64 points", arrow({"points": pa.uint64()}), **UINT64),
    Variant("pyarrow: int16 points", arrow({"points": pa.int16()}), low=-(2**15), high=2**15 - 1),
    Variant("pyarrow: decimal128(20, 0) points", arrow({"points": pa.decimal128(20, 0)}), **ALL64),
    Variant("pyarrow: decimal256(40, 0) points", arrow({"points": pa.decimal256(40, 0)}), **ALL64),
    Variant("pyarrow: decimals as integers", arrow({"points": pa.decimal128(14, 0)}, store_decimal_as_integer=True), low=-(10**13), high=10**13),
    Variant("pyarrow: decimal32 points, decimal64 amounts", arrow({"points": pa.decimal32(9, 0), "amount": pa.decimal64(12, 2)}), low=-(10**8), high=10**8),
    Variant("pyarrow: a data set partitioned as the inbox is", arrow_folders, whole=True),
    Variant("pandas: as it is", lambda rows, path: frame(rows).to_parquet(path)),
    Variant("pandas: with an index of a name", frame_with_index),
    Variant("pandas: without an index, GZIP", lambda rows, path: frame(rows).to_parquet(path, index=False, compression="gzip")),
    Variant("pandas: no types on a day without rows", frame_without_types),
    Variant("pandas: categories, ZSTD", frame_of_categories),
    Variant("pandas: datetime64[ns], Arrow types", frame_of_arrow, **NS),
    Variant("pandas: UInt32 points, BROTLI", lambda rows, path: frame(rows, points="UInt32").to_parquet(path, compression="brotli"), **UINT32),
    Variant("DuckDB: as it is, TIMESTAMPTZ", duck()),
    *[Variant(f"DuckDB: {codec}, format {version}", duck(options=f"COMPRESSION {codec}, PARQUET_VERSION {version}"))
      for codec, version in (("uncompressed", "V1"), ("uncompressed", "V2"), ("gzip", "V1"), ("zstd", "V2"), ("brotli", "V1"), ("lz4_raw", "V2"), ("snappy", "V2"))],
    Variant("DuckDB: row groups of 7, no dictionary", duck(options=f"ROW_GROUP_SIZE {FEW}, STRING_DICTIONARY_PAGE_SIZE_LIMIT 1")),
    Variant("DuckDB: DECIMAL(18, 0) points", duck("points::DECIMAL(18, 0) AS points"), low=-(10**17), high=10**17),
    Variant("DuckDB: DECIMAL(9, 0) points", duck("points::DECIMAL(9, 0) AS points"), low=-(10**8), high=10**8),
    Variant("DuckDB: DECIMAL(38, 0) points, DECIMAL(30, 2) amounts", duck("points::DECIMAL(38, 0) AS points, amount::DECIMAL(30, 2) AS amount")),
    Variant("DuckDB: UINTEGER points", duck("points::UINTEGER AS points"), **UINT32),
    Variant("DuckDB: UBIGINT points", duck("points::UBIGINT AS points", rows_of=lambda rows: table(rows, points=pa.uint64())), **UINT64),
    Variant("DuckDB: SMALLINT points", duck("points::SMALLINT AS points"), low=-(2**15), high=2**15 - 1),
    Variant("DuckDB: ENUM kinds, BLOB members", duck("kind::ENUM('" + "', '".join(KINDS) + "') AS kind, encode(member_id) AS member_id")),
    Variant("DuckDB: NULL where there is no value", duck(rows_of=untyped)),
    Variant("DuckDB: folders written by PARTITION_BY", duck_folders, whole=True),
    Variant("polars: as it is, ZSTD", polar()),
    *[Variant(f"polars: {codec}", polar(compression=codec)) for codec in ("uncompressed", "snappy", "gzip", "brotli", "lz4")],
    Variant("polars: full statistics, row groups of 7, small pages", polar(statistics="full", row_group_size=FEW, data_page_size=64)),
    Variant("polars: no statistics", polar(statistics=False)),
    Variant("polars: streamed by sink_parquet", polar_stream),
    Variant("polars: categories and an Enum", polar(lambda frame: [col("kind").cast(polars.Enum(KINDS)), col("member_id").cast(polars.Categorical)])),
    Variant("polars: columns without a type", polar(without_values)),
    Variant("polars: Datetime(ms)", polar(lambda frame: [col("occurred_at").cast(polars.Datetime("ms", "UTC"))]), **MS),
    Variant("polars: Datetime(ns, Europe/Berlin)", polar(lambda frame: [col("occurred_at").cast(polars.Datetime("ns", "Europe/Berlin"))])),
    Variant("polars: Int32 points", polar(lambda frame: [col("points").cast(polars.Int32)]), **INT32),
    Variant("polars: UInt32 points", polar(lambda frame: [col("points").cast(polars.UInt32)]), **UINT32),
    Variant("polars: UInt64 points", polar(lambda frame: [col("points").cast(polars.UInt64)]), low=0),
    Variant("polars: Decimal(20, 0) points", polar(lambda frame: [col("points").cast(polars.Decimal(20, 0))])),
    Variant("polars: Binary", polar(lambda frame: [col("transaction_id", "member_id").cast(polars.Binary)])),
]

NAIVE = ("column occurred_at", "not adjusted to UTC", "it has to be TIMESTAMP adjusted to UTC")
FLOAT = ("column points", "DOUBLE", "it has to be INT32, INT64")
OLD = ("column occurred_at", "INT96", "it has to be TIMESTAMP adjusted to UTC")

REFUSED = [
    Refused("pyarrow: naive timestamps", arrow({"instant": pa.timestamp("us")}), "occurred_at", NAIVE),
    Refused("pyarrow: INT96 timestamps", arrow(use_deprecated_int96_timestamps=True), "occurred_at", OLD),
    Refused("pyarrow: flavor spark", arrow(flavor="spark"), "occurred_at", OLD),
    Refused("pyarrow: double points", arrow({"points": pa.float64()}), "points", FLOAT),
    Refused("pyarrow: float points", arrow({"points": pa.float32()}), "points", ("column points", "FLOAT")),
    Refused("pyarrow: decimal128(22, 2) points", arrow({"points": pa.decimal128(22, 2)}), "points", ("column points", "DECIMAL(22,2)", "of scale 0")),
    Refused("pyarrow: decimal128(12, 3) amounts", arrow({"amount": pa.decimal128(12, 3)}), "amount", ("column amount", "DECIMAL(12,3)", "of scale 0 to 2")),
    Refused("pyarrow: timestamps for dates", arrow({"expires_on": DAYS}), "expires_on", ("column expires_on", "TIMESTAMP", "has to be DATE")),
    Refused("pyarrow: JSON members", arrow({"member_id": pa.json_()}), "member_id", ("column member_id", "JSON", "has to be a string")),
    Refused("pyarrow: a list of reasons", arrow({"reason": TYPES["basket"]}), "reason", ("column reason", "LIST", "has to be a string")),
    Refused("pyarrow: BYTE_STREAM_SPLIT points", arrow(use_dictionary=False, column_encoding={"points": "BYTE_STREAM_SPLIT"}), None,
            ("points", "BYTE_STREAM_SPLIT", "use PLAIN or a dictionary"), "unreadable_file"),
    Refused("pandas: an empty frame whose columns never had a type", lambda rows, path: pandas.DataFrame({name: [] for name in delivered.COLUMNS}).to_parquet(path),
            "transaction_id", ("column transaction_id", "DOUBLE", "it has to be a string")),
    Refused("pandas: points with gaps", lambda rows, path: frame(rows, points="float64").to_parquet(path), "points", FLOAT),
    Refused("pandas: naive datetimes", lambda rows, path: frame(rows, instant="datetime64[us]").to_parquet(path), "occurred_at", NAIVE),
    Refused("DuckDB: naive TIMESTAMP", duck("occurred_at::TIMESTAMP AS occurred_at"), "occurred_at", NAIVE),
    Refused("DuckDB: TIMESTAMP_NS", duck("occurred_at::TIMESTAMP::TIMESTAMP_NS AS occurred_at"), "occurred_at", NAIVE),
    Refused("DuckDB: HUGEINT points, which sum() gives", duck("points::HUGEINT AS points"), "points", FLOAT),
    Refused("DuckDB: UUID transactions", duck("uuid() AS transaction_id"), "transaction_id", ("column transaction_id", "UUID", "it has to be a string")),
    Refused("polars: naive Datetime", polar(lambda frame: [col("occurred_at").dt.replace_time_zone(None)]), "occurred_at", NAIVE),
    Refused("polars: Float64 points", polar(lambda frame: [col("points").cast(polars.Float64)]), "points", FLOAT),
]
