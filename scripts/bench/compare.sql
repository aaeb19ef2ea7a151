-- What the two sides published must be the same. Each statement returns rows that differ.

-- name: lines
WITH ours AS (FROM read_parquet('{ours}/alliance/date={date}/lines.parquet')), theirs AS (FROM read_parquet('{theirs}/lines.parquet'))
SELECT 'settle only', * FROM (SELECT issuer_id, redeemer_id, activity, business_date, late, price_id, price, per_points, currency, transactions, points, value FROM ours
  EXCEPT ALL SELECT issuer_id, redeemer_id, activity, business_date, late, price_id, price, per_points, currency, transactions, points, value FROM theirs)
UNION ALL
SELECT 'DuckDB only', * FROM (SELECT issuer_id, redeemer_id, activity, business_date, late, price_id, price, per_points, currency, transactions, points, value FROM theirs
  EXCEPT ALL SELECT issuer_id, redeemer_id, activity, business_date, late, price_id, price, per_points, currency, transactions, points, value FROM ours);

-- name: detail
-- By merchant and role: rows, points, amounts, and the sum of a hash over every column of every row.
WITH ours AS (SELECT *, merchant AS merchant_id FROM read_parquet('{ours}/merchant=*/date={date}/detail*.parquet', hive_partitioning = true, hive_types_autocast = false)),
theirs AS (SELECT *, merchant AS merchant_id FROM read_parquet('{theirs}/detail/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)),
our_sums AS (SELECT merchant_id, role, count(*) AS allocations, sum(points) AS points, sum(amount) AS amount,
  sum(hash(statement_no, line_no, allocation_id, role, counterparty_id, activity, business_date, occurred_at, late, transaction_id,
    lot_merchant_id, lot_id, lot_issued_on, points, price, per_points, amount)) AS content FROM ours GROUP BY ALL),
their_sums AS (SELECT merchant_id, role, count(*) AS allocations, sum(points) AS points, sum(amount) AS amount,
  sum(hash(statement_no, line_no, allocation_id, role, counterparty_id, activity, business_date, occurred_at, late, transaction_id,
    lot_merchant_id, lot_id, lot_issued_on, points, price, per_points, amount)) AS content FROM theirs GROUP BY ALL)
SELECT 'settle and DuckDB', o.*, t.* FROM our_sums o FULL OUTER JOIN their_sums t ON o.merchant_id = t.merchant_id AND o.role = t.role
WHERE (o.allocations, o.points, o.amount, o.content) IS DISTINCT FROM (t.allocations, t.points, t.amount, t.content);

-- name: new lots
-- By issuer: open lots and their points. The roll-forward that settle publishes must close at the same sum.
WITH ours AS (FROM read_csv('{our_lots}', header = true, columns = {issuer_id: 'VARCHAR', lots: 'BIGINT', points: 'BIGINT'})),
theirs AS (SELECT issuer_id, count(*) AS lots, sum(open) AS points FROM read_parquet('{theirs}/lots.parquet') GROUP BY ALL),
published AS (SELECT issuer_id, closing FROM read_parquet('{ours}/alliance/date={date}/points.parquet') WHERE closing <> 0)
SELECT 'settle and DuckDB', o.*, t.*, p.closing FROM ours o FULL OUTER JOIN theirs t USING (issuer_id) FULL OUTER JOIN published p ON p.issuer_id = coalesce(o.issuer_id, t.issuer_id)
WHERE (o.lots, o.points, o.points) IS DISTINCT FROM (t.lots, t.points, p.closing);
