"""Reads published folders with pyarrow and with DuckDB, each on its own."""

import datetime
import hashlib
import json
import re

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import published

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class File:
    """One published table as a file, or one part of a detail that is split."""

    def __init__(self, path, columns):
        self.path, self.columns = path, columns
        self.arrow = pq.ParquetFile(path)
        self.metadata = self.arrow.metadata

    @property
    def schema(self):
        return self.arrow.schema_arrow

    def compressions(self):
        """The codec of every column chunk."""
        for group in range(self.metadata.num_row_groups):
            for column in range(self.metadata.num_columns):
                yield self.metadata.row_group(group).column(column).compression

    def arrow_rows(self):
        return self.arrow.read().to_pylist()

    def arrow_sums(self):
        """Sums of the columns of numbers."""
        table = self.arrow.read()
        return {c.name: pa.compute.sum(table[c.name], min_count=0).as_py() for c in self.numbers()}

    def numbers(self):
        return [c for c in self.columns if c.type in ("int32", "int64", "money", "price")]

    # hive_partitioning: DuckDB takes columns `merchant` and `date` from the path unless told not to.
    def duck(self, select):
        return f"SELECT {select} FROM read_parquet('{self.path}', hive_partitioning = false)"

    def duck_columns(self, duck):
        return [row[:2] for row in duck.execute("DESCRIBE " + self.duck("*")).fetchall()]

    def duck_rows(self, duck):
        names = [c.name for c in self.columns]
        # Instants as microseconds: Python needs one more package to have them from DuckDB.
        select = ", ".join(f'epoch_us("{c.name}")' if c.type == "instant" else f'"{c.name}"' for c in self.columns)
        rows = [dict(zip(names, row)) for row in duck.execute(self.duck(select)).fetchall()]
        for column in self.columns:
            if column.type == "instant":
                for row in rows:
                    row[column.name] = EPOCH + datetime.timedelta(microseconds=row[column.name])
        return rows

    def duck_sums(self, duck):
        numbers = self.numbers()
        select = ", ".join(f'coalesce(sum("{c.name}"), 0)' for c in numbers) or "1"
        return dict(zip([c.name for c in numbers], duck.execute(self.duck(select)).fetchall()[0]))


class Folder:
    """What was published for one merchant, or for the alliance, on one date."""

    def __init__(self, path, merchant, date):
        self.path, self.merchant, self.date = path, merchant, date
        self.tables = published.MERCHANT if merchant else published.ALLIANCE
        self.manifest = json.loads((path / "_statement.json").read_text())
        self.names = sorted(p.name for p in path.iterdir())
        self.files = {}
        self.rows = {table: [] for table in self.tables}
        for name in (entry["name"] for entry in self.manifest["files"]):
            table = re.sub(r"(-\d{5})?\.parquet$", "", name)
            if table not in self.tables:
                continue
            try:
                self.files[name] = File(path / name, self.tables[table])
                self.rows[table] += self.files[name].arrow_rows()
            except Exception as error:
                raise ValueError(f"{path / name}: {error}") from error

    def __str__(self):
        return f"{self.merchant or 'alliance'} on {self.date}"

    @property
    def summary(self):
        return self.rows["summary"][0]

    def expected_names(self):
        """The files that must be here: a detail of several parts is numbered from 1."""
        parts = sorted(name for name in self.files if name.startswith("detail-"))
        names = [f"{table}.parquet" for table in self.tables]
        if parts:
            names.remove("detail.parquet")
            names += [f"detail-{i + 1:05}.parquet" for i in range(len(parts))]
        return sorted(names + ["_statement.json"])

    def sha256(self, name):
        return hashlib.sha256((self.path / name).read_bytes()).hexdigest()


def open_all(statements):
    """Every folder of a bucket of statements, in order of date, the alliance's first."""
    folders = [Folder(path, "", path.name[5:]) for path in sorted(statements.glob("alliance/date=*"))]
    for path in sorted(statements.glob("merchant=*/date=*")):
        folders.append(Folder(path, path.parent.name[9:], path.name[5:]))
    return sorted(folders, key=lambda folder: (folder.date, folder.merchant))


def connect():
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    return duck
