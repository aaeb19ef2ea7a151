-- One plain night of settlement, by a database. {…} is filled in by the benchmark.
-- Every redemption is covered by what its member had at that moment (the generator sees to that),
-- so first-in-first-out is where two running sums overlap: that of the points of a member's lots, oldest
-- first, and that of the points the member redeems.

-- name: merchants
CREATE TABLE merchants AS
SELECT id, category,
  -- what begins the text that an allocation id digests: merchant and business date, each after its length
  chr(0) || chr(0) || chr(0) || chr(strlen(id)::INTEGER) || id || chr(0) || chr(0) || chr(0) || chr(10) || '{date}' AS prefix,
FROM (VALUES {merchants}) AS register(id, category);

-- name: rows
CREATE TABLE rows AS
SELECT merchant AS merchant_id, transaction_id, member_id, kind, points, occurred_at, coalesce(issuer_id, merchant) AS issuer_id, reason
FROM read_parquet('{inbox}/merchant=*/date={date}/*.parquet', hive_partitioning = true, hive_types_autocast = false);

-- name: lots
CREATE TABLE lots AS
SELECT *,
  sum(open) OVER oldest_first AS until,
  row_number() OVER oldest_first AS place,
FROM (
  SELECT member_id, merchant_id, business_date, lot_id, issuer_id, issued_at, expires_on, issued, open
  FROM read_parquet('{lots}')
  UNION ALL
  SELECT member_id, merchant_id, DATE '{date}', transaction_id, issuer_id, occurred_at, DATE '{expires_on}', points, points
  FROM rows WHERE kind = 'issue')
WINDOW oldest_first AS (PARTITION BY member_id ORDER BY issued_at, issuer_id, merchant_id, lot_id ROWS UNBOUNDED PRECEDING);

-- name: redemptions
CREATE TABLE redemptions AS
SELECT member_id, merchant_id, transaction_id, points, occurred_at, reason,
  sum(points) OVER (PARTITION BY member_id ORDER BY occurred_at, merchant_id, transaction_id ROWS UNBOUNDED PRECEDING) AS until,
FROM rows WHERE kind = 'redeem';

-- name: free the rows
DROP TABLE rows;

-- name: allocations
CREATE TABLE allocations AS
SELECT r.merchant_id AS redeemer_id, r.transaction_id, r.occurred_at,
  l.issuer_id, l.merchant_id AS lot_merchant_id, l.lot_id, l.business_date AS lot_issued_on, l.place,
  (least(r.until, l.until) - greatest(r.until - r.points, l.until - l.open))::BIGINT AS points,
  row_number() OVER (PARTITION BY r.merchant_id, r.transaction_id ORDER BY l.place) - 1 AS number,
  CASE WHEN m.category = 'fuel' THEN 95 WHEN r.reason = 'referral' THEN 105 ELSE 100 END AS price_cents,
FROM redemptions r
JOIN lots l ON l.member_id = r.member_id AND l.until > r.until - r.points AND l.until - l.open < r.until
JOIN merchants m ON m.id = r.merchant_id;

-- name: priced
-- The amount of a line's k-th allocation is round(P_k) - round(P_k-1), P the worth of the running points.
CREATE TABLE priced AS
SELECT redeemer_id, transaction_id, occurred_at, issuer_id, lot_merchant_id, lot_id, lot_issued_on, points, price_cents,
  left(sha256(m.prefix || chr(0) || chr(0) || chr(0) || chr(strlen(transaction_id)::INTEGER) || transaction_id
    || chr(0) || chr(0) || chr(0) || chr(10) || '{date}'
    || chr(0) || chr(0) || chr(0) || chr(strlen(number::VARCHAR)::INTEGER) || number::VARCHAR), 32) AS allocation_id,
  CASE WHEN issuer_id = redeemer_id THEN 0
    ELSE (running * price_cents + 50) // 100 - ((running - points) * price_cents + 50) // 100 END AS cents,
FROM (
  SELECT *, (sum(points) OVER (PARTITION BY issuer_id, redeemer_id, price_cents ORDER BY occurred_at, transaction_id, number ROWS UNBOUNDED PRECEDING))::BIGINT AS running
  FROM allocations) a
JOIN merchants m ON m.id = redeemer_id;

-- name: lines
CREATE TABLE lines AS
SELECT issuer_id, redeemer_id, 'redemption' AS activity, DATE '{date}' AS business_date,
  CASE price_cents WHEN 95 THEN 'fuel' WHEN 105 THEN 'referral' ELSE 'base' END AS price_id, price_cents,
  count(DISTINCT transaction_id) AS transactions, sum(points)::BIGINT AS points, (sum(points)::BIGINT * price_cents + 50) // 100 AS cents,
FROM priced WHERE issuer_id <> redeemer_id
GROUP BY issuer_id, redeemer_id, price_cents;

-- name: write the lines
COPY (
  SELECT issuer_id, redeemer_id, activity, business_date, false AS late, price_id, (price_cents::DECIMAL(16, 0) * 0.01)::DECIMAL(18, 8) AS price,
    100::BIGINT AS per_points, 'CNY' AS currency, transactions, points, (cents::DECIMAL(16, 0) * 0.01)::DECIMAL(18, 4) AS value
  FROM lines ORDER BY issuer_id, redeemer_id, price_id
) TO '{out}/lines.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1);

-- name: numbers of the lines on each statement
CREATE TABLE places AS
SELECT *, row_number() OVER (PARTITION BY merchant_id ORDER BY role, counterparty_id, price_id)::INTEGER AS line_no
FROM (
  SELECT issuer_id AS merchant_id, 'issuer' AS role, redeemer_id AS counterparty_id, price_id, price_cents FROM lines
  UNION ALL
  SELECT redeemer_id, 'redeemer', issuer_id, price_id, price_cents FROM lines);

-- name: write the detail
COPY (
  SELECT 'ST-' || d.merchant_id || '-{compact_date}-1' AS statement_no, line_no, allocation_id, d.role, d.counterparty_id,
    'redemption' AS activity, DATE '{date}' AS business_date, occurred_at, false AS late, transaction_id,
    lot_merchant_id, lot_id, lot_issued_on, points,
    (d.price_cents::DECIMAL(9, 0) * 0.01)::DECIMAL(18, 8) AS price, per_points, (d.cents::DECIMAL(16, 0) * 0.01)::DECIMAL(18, 4) AS amount,
    d.merchant_id AS merchant
  FROM (
    SELECT issuer_id AS merchant_id, 'issuer' AS role, redeemer_id AS counterparty_id, allocation_id, occurred_at,
      NULL AS transaction_id, lot_merchant_id, lot_id, lot_issued_on, points, price_cents, 100::BIGINT AS per_points, -cents AS cents
    FROM priced WHERE issuer_id <> redeemer_id AND issuer_id <> '{alliance}'
    UNION ALL
    SELECT redeemer_id, 'redeemer', issuer_id, allocation_id, occurred_at,
      transaction_id, NULL, NULL, NULL, points, price_cents, 100, cents
    FROM priced WHERE issuer_id <> redeemer_id
    UNION ALL
    SELECT redeemer_id, 'own', redeemer_id, allocation_id, occurred_at,
      transaction_id, lot_merchant_id, lot_id, lot_issued_on, points, NULL, NULL, 0
    FROM priced WHERE issuer_id = redeemer_id) d
  LEFT JOIN places p ON p.merchant_id = d.merchant_id AND p.role = d.role AND p.counterparty_id = d.counterparty_id AND p.price_cents = d.price_cents
) TO '{out}/detail' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 131072, PARTITION_BY (merchant));

-- name: write the new lots
COPY (
  SELECT l.member_id, merchant_id, business_date, lot_id, issuer_id, issued_at, expires_on, issued,
    least(open, until - coalesce(redeemed, 0))::BIGINT AS open
  FROM lots l LEFT JOIN (SELECT member_id, sum(points) AS redeemed FROM redemptions GROUP BY ALL) r ON r.member_id = l.member_id
  WHERE until > coalesce(redeemed, 0)
) TO '{out}/lots.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1);
