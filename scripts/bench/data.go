package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A place is where nights are made and settled: the cache, and the program as it is now.
type place struct {
	cache      string
	repository string
	settle     string // the program
	work       string // for what is made and thrown away
	// boundable says that settle's memory can be bounded.
	boundable bool
	// generator and program are digests of what generates, and of the program.
	generator, program string
}

// A prepared night is everything that both sides start from.
type prepared struct {
	*place
	folder   string // inbox, rulebook.yaml
	rulebook string
	inbox    string
	opening  string // lots.csv, and what is made of it
	ledger   string // with the opening lots on record, and the nights before
	// published has the statements and acknowledgements of the nights before; "" if there are none.
	published string
	// linked has every file that nights were given as a link of their own, as it was at first.
	linked map[string]fs.FileInfo
	world  *world
}

// setUp builds settle, and clears away what earlier runs of this program left.
func setUp(ctx context.Context) (*place, error) {
	cache, err := cacheDirectory()
	if err != nil {
		return nil, err
	}
	root, err := repository(ctx)
	if err != nil {
		return nil, err
	}
	p := &place{cache: cache, repository: root, settle: filepath.Join(cache, "bin", "settle"), work: filepath.Join(cache, fmt.Sprintf("work-%d", os.Getpid()))}
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
	if p.generator, err = digestFiles(filepath.Join(root, "fixtures", "generate", "*.go")); err != nil {
		return nil, err
	}
	if p.program, err = digestFiles(p.settle); err != nil {
		return nil, err
	}
	return p, os.MkdirAll(p.work, 0o755)
}

// prepare generates a night and puts its opening lots on record, unless that was done before. Nights
// are kept by what they were generated from, lots by their content, as nights may have them in common, and ledgers by the program that
// wrote them.
func (pl *place) prepare(ctx context.Context, w *world, say io.Writer) (*prepared, error) {
	p := &prepared{place: pl, world: w, folder: filepath.Join(pl.cache, "nights", w.name()+"-"+pl.generator)}
	p.rulebook, p.inbox = filepath.Join(p.folder, "rulebook.yaml"), filepath.Join(p.folder, "inbox")
	if err := pl.forgetWithoutLots(p.folder); err != nil {
		return nil, err
	}
	if err := once(p.folder, func(folder string) error { return pl.generate(ctx, w, folder, say) }); err != nil {
		return nil, err
	}
	digest, err := os.ReadFile(filepath.Join(p.folder, openingName))
	if err != nil {
		return nil, fmt.Errorf("which lots are before the night: %w", err)
	}
	p.opening = filepath.Join(pl.cache, "lots", string(digest))
	ledgers := filepath.Join(p.opening, "ledgers")
	if w.nightsBefore > 0 {
		ledgers = filepath.Join(p.opening, "ledgers-"+w.name())
		published := filepath.Join(p.opening, "published-"+w.name())
		if err := keepOnly(published, pl.program); err != nil {
			return nil, err
		}
		p.published = filepath.Join(published, pl.program)
	}
	p.ledger = filepath.Join(ledgers, pl.program)
	if err := keepOnly(ledgers, pl.program); err != nil {
		return nil, err
	}
	return p, once(p.ledger, func(folder string) error {
		if err := p.open(ctx, folder, say); err != nil {
			return err
		}
		return p.settleBefore(ctx, folder, say)
	})
}

// settleBefore settles the nights before the one that is measured.
func (p *prepared) settleBefore(ctx context.Context, ledger string, say io.Writer) error {
	if p.published == "" {
		return nil
	}
	if err := errors.Join(os.RemoveAll(p.published), os.MkdirAll(p.published, 0o755)); err != nil {
		return err
	}
	fmt.Fprintf(say, "settling the %d nights before\n", p.world.nightsBefore)
	at := in(p.published, p.inbox)
	_, _, err := measure(ctx, nil, nil, p.settle, "run", "--ledger", ledger, "--rules", p.rulebook, "--inbox", at.inbox, "--statements", at.statements,
		"--acks", at.acks, "--date", daysBefore(1), "--catch-up", "--operator", "bench", "--json")
	return err
}

// forgetWithoutLots removes a night whose lots somebody has removed: they are generated together.
func (pl *place) forgetWithoutLots(night string) error {
	digest, err := os.ReadFile(filepath.Join(night, openingName))
	if err != nil {
		return nil // it is not there yet
	}
	if _, err := os.Stat(filepath.Join(pl.cache, "lots", string(digest), lotsName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(night)
}

// lotsName is the file of the lots before a night.
const lotsName = "lots.csv"

// openingName is the file of a night that says which lots are before it.
const openingName = "opening"

// generate makes a night. Its lots go where lots are kept, by their digest and the rulebook's.
func (pl *place) generate(ctx context.Context, w *world, folder string, say io.Writer) error {
	fmt.Fprintf(say, "generating %s\n", w.name())
	spent, _, err := measure(ctx, nil, nil, pl.settle, append([]string{"generate", "--out", folder}, w.arguments()...)...)
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "generated in %s\n", seconds(spent.wall))
	lots := filepath.Join(folder, lotsName)
	rulebook, err := digestFiles(filepath.Join(folder, "rulebook.yaml"))
	if err != nil {
		return err
	}
	digest, err := digestFiles(lots)
	if err != nil {
		return err
	}
	digest += "-" + rulebook
	opening := filepath.Join(pl.cache, "lots", digest)
	if err := os.MkdirAll(opening, 0o755); err != nil {
		return err
	}
	if err := os.Rename(lots, filepath.Join(opening, lotsName)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, openingName), []byte(digest), 0o644)
}

func (p *prepared) open(ctx context.Context, folder string, say io.Writer) error {
	fmt.Fprintln(say, "putting the opening lots on record")
	spent, _, err := measure(ctx, nil, nil, p.settle, "open", "--ledger", folder, "--rules", p.rulebook, "--lots", filepath.Join(p.opening, lotsName),
		"--operator", "bench", "--json")
	if err == nil {
		fmt.Fprintf(say, "on record in %s, peak memory %s\n", seconds(spent.wall), gibibytes(spent.peak))
	}
	return err
}

// lots returns the opening lots in Parquet, for DuckDB.
func (p *prepared) lots(ctx context.Context) (string, error) {
	path := filepath.Join(p.opening, "lots.parquet")
	return path, once(path, func(path string) error {
		_, _, err := self(ctx, nil, "_convert", filepath.Join(p.opening, lotsName), path)
		return err
	})
}

// once makes a folder or a file whole or not at all, if it is not there.
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

// settleDown lets a turn begin where nothing is left to do from before: the disk has what was written, and what will
// be read was read once.
func settleDown(paths ...string) error {
	syscall.Sync()
	return warm(paths...)
}

// warm reads what will be read, so that nobody finds it colder than another.
func warm(paths ...string) error {
	for _, path := range paths {
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
