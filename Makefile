# settle: close the books of a loyalty alliance, night by night. See README.md.

.PHONY: build demo test vet readers s3 year histories restatements hostile faults alerts bench bench-large bench-variants micro fuzz image k8s clean

build: ## bin/settle
	go build -o bin/settle ./cmd/settle

demo: build ## settle the sample alliance's week into ./demo and show a statement
	rm -rf demo
	mkdir demo
	cp -R fixtures/sample/inbox demo/inbox
	bin/settle run --root demo --rules rules/sample.yaml --date 2026-06-07 --catch-up 2>demo/log.txt
	bin/settle show --root demo --merchant CEDAR --date 2026-06-07

test: vet ## every test of the main module
	go test -timeout 30m ./...

vet:
	go vet ./...
	@unformatted=$$(gofmt -l cmd rules settlement fixtures); test -z "$$unformatted" || { echo "not gofmt: $$unformatted"; exit 1; }

readers: ## pyarrow, DuckDB and pandas read every published table; what they and polars write is read (installs them into a cache)
	scripts/readers/run

s3: ## the tests that need a real S3 server (built into a cache)
	scripts/s3/install
	SETTLE_S3=1 go test -count=1 -timeout 30m -run S3 ./settlement/storage/... ./settlement/accounts ./settlement/batch ./fixtures ./cmd/settle

year: ## a year of real purchases, if the data lies in ../shared (see README)
	SETTLE_YEAR=1 go test -count=1 -timeout 60m -v -run Purchases ./fixtures

histories: ## compare the engine with the model on many more random histories: make histories COUNT=20000 SEED=1
	go test -count=1 -timeout 120m -run TestEngineEqualsModel ./settlement/batch -args -histories $(or $(COUNT),20000) -seed $(or $(SEED),1)

restatements: ## restate many more random histories: make restatements COUNT=2000 SEED=1
	go test -count=1 -timeout 120m -run TestRestatingEqualsSettlingAnew -v ./settlement/batch -args -restatements $(or $(COUNT),2000) -seed $(or $(SEED),1)

hostile: ## every mutation of small files, and bombs, each in a good night (make test takes some)
	SETTLE_HOSTILE=all go test -count=1 -timeout 120m -v -run TestHostile ./settlement/batch

faults: ## everything that was ever thought of to go wrong, with its table: make faults, or make faults ROWS="A C"
	scripts/faults/run $(ROWS)

alerts: ## the alert rules in promtool's cases, and a real Prometheus and Pushgateway that see runs (Debian's packages, in a cache)
	scripts/kubernetes/alerts/install
	SETTLE_ALERTS=1 go test -count=1 -timeout 10m -run 'TestAlertRules|TestPrometheus' ./cmd/settle

# What both benchmarks take: make bench ROWS=2000000 RUNS=1; MEMORY=2GiB bounds both sides.
bench_options = $(if $(MEMBERS),-members $(MEMBERS)) $(if $(MERCHANTS),-merchants $(MERCHANTS)) $(if $(LOTS),-lots $(LOTS)) \
	$(if $(MEMORY),-memory $(MEMORY)) $(if $(SETTLE_MEMORY),-settle-memory $(SETTLE_MEMORY)) $(if $(PATIENCE),-patience $(PATIENCE)) $(if $(PROFILE),-profile)

bench: ## a night of 20 million rows against DuckDB: make bench ROWS=2000000 RUNS=1 (needs a C++ compiler; see scripts/bench/README.md)
	cd scripts/bench && go run . night -rows $(or $(ROWS),20000000) -runs $(or $(RUNS),5) $(bench_options)

bench-large: ## the same with 200 million rows, once
	cd scripts/bench && go run . night -rows $(or $(ROWS),200000000) -runs $(or $(RUNS),1) $(bench_options)

# What the variants take besides: make bench-variants CASES="one-member touch-5" RUNS=3 DIVIDE=10 TOUCH_LOTS=10000000 TOUCH_ROWS=1000000.
variant_options = $(if $(CASES),-cases "$(CASES)") $(if $(RUNS),-runs $(RUNS)) $(if $(ROWS),-rows $(ROWS)) $(if $(FILE_ROWS),-file-rows $(FILE_ROWS)) \
	$(if $(MERCHANTS),-merchants $(MERCHANTS)) $(if $(SMALL_MERCHANTS),-small-merchants $(SMALL_MERCHANTS)) $(if $(TOUCH_LOTS),-touch-lots $(TOUCH_LOTS)) \
	$(if $(TOUCH_ROWS),-touch-rows $(TOUCH_ROWS)) $(if $(DIVIDE),-divide $(DIVIDE)) $(if $(MEMORY),-memory $(MEMORY)) $(if $(PROFILE),-profile)

bench-variants: ## nights of unusual shape, settle alone: make bench-variants CASES="one-member s3" RUNS=3
	cd scripts/bench && go run . variants $(variant_options)

micro: ## micro-benchmarks of the hot paths
	go test -run '^$$' -bench . -benchmem ./settlement/... ./rules

fuzz: ## each fuzz target for a while: make fuzz TIME=10m
	scripts/fuzz $(or $(TIME),1m)

image: ## bin/image: the container image as an OCI layout, without a daemon; prints its digest (PLATFORM=linux/amd64,linux/arm64)
	cd scripts/kubernetes/image && go run . --source ../../.. --out ../../../bin/image $(if $(PLATFORM),--platform $(PLATFORM))

k8s: ## the manifests on a real Kubernetes control plane (built into a cache: half an hour, once)
	scripts/kubernetes/controlplane/run

clean:
	rm -rf bin demo
