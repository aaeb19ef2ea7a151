package command

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"alliance/settlement/batch"
	"alliance/settlement/statement"
)

// place gives the fresh directory its name. already says that there was one of the same content.
func (p *pull) place(fresh, to string) (already bool, err error) {
	same, err := sameFiles(fresh, to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, err
	case same:
		return true, nil
	case isEmpty(to):
		if err := os.Remove(to); err != nil {
			return false, fmt.Errorf("fill the empty directory: %w", err)
		}
	case !p.flags.replace:
		return false, &batch.RefusedError{Reason: fmt.Sprintf("%s is there and holds other files; name another directory, or give --replace", to)}
	default:
		if err := isPulled(to); err != nil {
			return false, err
		}
		old := fresh + "-replaced"
		if err := os.Rename(to, old); err != nil {
			return false, fmt.Errorf("move the old directory away: %w", err)
		}
		defer os.RemoveAll(old)
	}
	// Everybody may read what pull makes, as far as the umask lets them, as with mkdir.
	if err := os.Chmod(fresh, 0o755); err != nil {
		return false, err
	}
	if err := os.Rename(fresh, to); err != nil {
		return false, fmt.Errorf("name the directory: %w", err)
	}
	return false, syncDirectory(filepath.Dir(to))
}

// isPulled refuses a directory that pull has not made, or that somebody keeps other files in:
// replacing it would delete them.
func isPulled(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	var manifest statement.Manifest
	text, err := os.ReadFile(filepath.Join(directory, statement.ManifestFile))
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	reason := ""
	if err != nil {
		reason = fmt.Sprintf("it holds no %s that can be read", statement.ManifestFile)
	}
	for _, entry := range entries {
		named := func(file statement.ManifestEntry) bool { return file.Name == entry.Name() }
		ours := entry.Name() == statement.ManifestFile || slices.ContainsFunc(manifest.Files, named)
		if reason == "" && (!ours || !entry.Type().IsRegular()) {
			reason = fmt.Sprintf("it holds %s, too", entry.Name())
		}
	}
	if reason == "" {
		return nil
	}
	return &batch.RefusedError{Reason: fmt.Sprintf("%s is no statement that was pulled and is not replaced: %s; name another directory", directory, reason)}
}

func isEmpty(directory string) bool {
	entries, err := os.ReadDir(directory)
	return err == nil && len(entries) == 0
}

// sameFiles reports whether a directory has the same files as another, and nothing else.
func sameFiles(fresh, to string) (bool, error) {
	found, err := os.ReadDir(to)
	if err != nil {
		return false, err
	}
	wanted, err := os.ReadDir(fresh)
	if err != nil {
		return false, err
	}
	names := func(entries []os.DirEntry) (names []string) {
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	if !slices.Equal(names(found), names(wanted)) {
		return false, nil
	}
	for _, entry := range found {
		if !entry.Type().IsRegular() {
			return false, nil
		}
		one, err := sumOfFile(filepath.Join(to, entry.Name()))
		if err != nil {
			return false, err
		}
		other, err := sumOfFile(filepath.Join(fresh, entry.Name()))
		if err != nil || one != other {
			return false, err
		}
	}
	return true, nil
}

func sumOfFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// writeFile writes a new file and forces it to disk.
func writeFile(path string, content io.Reader) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// empty removes what an earlier try left.
func empty(directory string) error {
	entries, err := os.ReadDir(directory)
	for _, entry := range entries {
		if err == nil {
			err = os.Remove(filepath.Join(directory, entry.Name()))
		}
	}
	return err
}
