package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A prepared night is everything that both sides start from.
type prepared struct {
	settle   string // the program
	folder   string // inbox, rulebook.yaml, lots.csv
	rulebook string
	inbox    string
	ledger   string // with the opening lots on record
	lots     string // the same lots in Parquet, for DuckDB
	work     string // for what is made and thrown away
	// boundable says that settle's memory can be bounded.
	boundable bool
}

// prepare builds settle, generates the night and puts its opening lots on record, unless that was
// done before. Data are kept by what they were generated from, ledgers by the program that wrote them.
func prepare(ctx context.Context, o *options, say io.Writer) (*prepared, error) {
	cache, err := cacheDirectory()
	if err != nil {
		return nil, err
	}
	root, err := repository(ctx)
	if err != nil {
		return nil, err
	}
	p := &prepared{settle: filepath.Join(cache, "bin", "settle"), work: filepath.Join(cache, fmt.Sprintf("work-%d", os.Getpid()))}
	if err := clearAbandoned(cache); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", p.settle, "./cmd/settle")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build settle: %w\n%s", err, out)
	}
	help, err := exec.CommandContext(ctx, p.settle, "run", "--help").Output()
	if err != nil {
		return nil, fmt.Errorf("settle run --help: %w", err)
	}
	p.boundable = strings.Contains(string(help), "--memory ")
	generator, err := digestFiles(filepath.Join(root, "fixtures", "generate", "*.go"))
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("rows-%d-members-%d-merchants-%d-lots-%d-%s", o.rows, o.members, o.merchants, o.lots, generator)
	p.folder = filepath.Join(cache, "data", name)
	p.rulebook, p.inbox, p.lots = filepath.Join(p.folder, "rulebook.yaml"), filepath.Join(p.folder, "inbox"), filepath.Join(p.folder, "lots.parquet")
	if err := once(p.folder, func(folder string) error { return p.generate(ctx, o, folder, say) }); err != nil {
		return nil, err
	}
	program, err := digestFiles(p.settle)
	if err != nil {
		return nil, err
	}
	ledgers := filepath.Join(cache, "ledgers", name)
	p.ledger = filepath.Join(ledgers, program)
	if err := keepOnly(ledgers, program); err != nil {
		return nil, err
	}
	if err := once(p.ledger, func(folder string) error { return p.open(ctx, folder, say) }); err != nil {
		return nil, err
	}
	return p, os.MkdirAll(p.work, 0o755)
}

func (p *prepared) generate(ctx context.Context, o *options, folder string, say io.Writer) error {
	fmt.Fprintf(say, "generating %d rows of %d members at %d merchants, and %d lots\n", o.rows, o.members, o.merchants, o.lots)
	spent, _, err := measure(ctx, nil, nil, p.settle, "generate", "--out", folder, "--plain", "--formats", "parquet", "--nights", "1",
		"--from", date, "--seed", fmt.Sprint(seed), "--rows", fmt.Sprint(o.rows), "--members", fmt.Sprint(o.members),
		"--merchants", fmt.Sprint(o.merchants), "--lots", fmt.Sprint(o.lots))
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "generated in %s\n", seconds(spent.wall))
	_, _, err = self(ctx, nil, "_convert", filepath.Join(folder, "lots.csv"), filepath.Join(folder, "lots.parquet"))
	return err
}

func (p *prepared) open(ctx context.Context, folder string, say io.Writer) error {
	fmt.Fprintln(say, "putting the opening lots on record")
	spent, _, err := measure(ctx, nil, nil, p.settle, "open", "--ledger", folder, "--rules", p.rulebook, "--lots", filepath.Join(p.folder, "lots.csv"),
		"--operator", "bench", "--json")
	if err == nil {
		fmt.Fprintf(say, "on record in %s\n", seconds(spent.wall))
	}
	return err
}

// once makes a folder whole or not at all, if it is not there.
func once(folder string, make func(folder string) error) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	unfinished := folder + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	if err := make(unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, folder)
}

// clearAbandoned removes the work of runs that were killed.
func clearAbandoned(cache string) error {
	folders, err := filepath.Glob(filepath.Join(cache, "work-*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		process, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(folder), "work-"))
		if err != nil || !errors.Is(syscall.Kill(process, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}

// keepOnly removes everything in a folder but one entry: ledgers of programs that are gone.
func keepOnly(folder, name string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // it is not there yet
	}
	for _, entry := range entries {
		if entry.Name() != name {
			if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// repository returns where the main module lies.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "alliance").Output()
	if err != nil {
		return "", fmt.Errorf("find the main module (run this in scripts/bench): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// digestFiles returns some digits of the SHA-256 of the files of a pattern.
func digestFiles(pattern string) (string, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		return "", fmt.Errorf("no files %s: %v", pattern, err)
	}
	hash := sha256.New()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(hash, file)
		_ = file.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:6]), nil
}

// warm reads what both sides will read, so that neither finds it colder than the other.
func (p *prepared) warm() error {
	for _, path := range []string{p.inbox, p.lots, p.ledger} {
		err := filepath.Walk(path, func(path string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = io.Copy(io.Discard, file)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
