package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"alliance/settlement/storage"
)

const (
	serverKey     = "bench-access"
	serverSecret  = "bench-secret"
	serverRegion  = "us-east-1"
	serverBucket  = "bench"
	serverStartup = 30 * time.Second
)

// withServer starts a real S3 server on this machine with its data in a folder, puts the inbox and a copy
// of the ledger of a night into it, and does something with these.
func withServer(ctx context.Context, p *prepared, folder string, do func(*locations) error) error {
	program, err := serverProgram(ctx, p.repository)
	if err != nil {
		return err
	}
	data := filepath.Join(folder, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	restore, err := serverCredentials()
	if err != nil {
		return err
	}
	defer restore()
	endpoint, process, stop, err := startServer(ctx, program, data)
	if err != nil {
		return err
	}
	defer stop()
	at := func(prefix string) string {
		return fmt.Sprintf("s3://%s/%s?endpoint=%s&path_style=true&region=%s", serverBucket, prefix, url.QueryEscape(endpoint), serverRegion)
	}
	night := &locations{at("inbox"), at("ledger"), at("statements"), at("acks"), func() (time.Duration, error) { return processorOf(process) }}
	for _, part := range []struct{ from, to string }{{p.inbox, night.inbox}, {p.ledger, night.ledger}} {
		if err := upload(ctx, part.from, part.to); err != nil {
			return fmt.Errorf("put %s into the store: %w", part.from, err)
		}
	}
	return do(night)
}

// serverProgram returns where the server is that scripts/s3/install builds.
func serverProgram(ctx context.Context, repository string) (string, error) {
	install := exec.CommandContext(ctx, filepath.Join(repository, "scripts", "s3", "install"))
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("scripts/s3/install: %w\n%s", err, out)
	}
	if named := os.Getenv("SETTLE_VERSITYGW"); named != "" {
		return named, nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "settle", "bin", "versitygw"), err
}

// serverCredentials makes this process, and those that it starts, use the server's credentials and nothing else that the
// machine has to say about AWS.
func serverCredentials() (restore func(), err error) {
	before := os.Environ()
	restore = func() {
		for _, setting := range os.Environ() {
			if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "AWS_") {
				_ = os.Unsetenv(name)
			}
		}
		for _, setting := range before {
			if name, value, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "AWS_") {
				_ = os.Setenv(name, value)
			}
		}
	}
	for _, setting := range before {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "AWS_") {
			err = errors.Join(err, os.Unsetenv(name))
		}
	}
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": serverKey, "AWS_SECRET_ACCESS_KEY": serverSecret, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		err = errors.Join(err, os.Setenv(name, value))
	}
	return restore, err
}

// startServer starts the server and makes its bucket.
func startServer(ctx context.Context, program, data string) (endpoint string, process int, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", 0, nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", 0, nil, err
	}
	users := filepath.Join(filepath.Dir(data), "users")
	if err := os.MkdirAll(users, 0o755); err != nil {
		return "", 0, nil, err
	}
	server := exec.Command(program, "--port", address, "--region", serverRegion, "--health", "/health", "--quiet", "--iam-dir", users, "posix", data)
	server.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+serverKey, "ROOT_SECRET_KEY="+serverSecret)
	said := new(bytes.Buffer)
	server.Stdout, server.Stderr = said, said
	if err := server.Start(); err != nil {
		return "", 0, nil, err
	}
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }()
	stop = func() { _ = server.Process.Kill(); <-ended }
	endpoint = "http://" + address
	if err := awaitServer(ctx, endpoint, ended); err != nil {
		stop()
		return "", 0, nil, fmt.Errorf("start %s: %w\n%s", program, err, lastLines(said.String()))
	}
	bucket := exec.CommandContext(ctx, program, "admin", "--endpoint-url", endpoint, "--region", serverRegion,
		"create-bucket", "--bucket", serverBucket, "--owner", serverKey)
	bucket.Env = append(os.Environ(), "ADMIN_ACCESS_KEY="+serverKey, "ADMIN_SECRET_KEY="+serverSecret)
	if out, err := bucket.CombinedOutput(); err != nil {
		stop()
		return "", 0, nil, fmt.Errorf("make a bucket: %w\n%s", err, out)
	}
	return endpoint, server.Process.Pid, stop, nil
}

// processorOf returns the processor time that a running process has taken, to a hundredth of a second.
func processorOf(process int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return 0, err
	}
	// After the name in brackets come the state and ten numbers, then user and system time.
	const user, system = 11, 12
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", process, len(fields))
	}
	var total time.Duration
	for _, field := range []string{fields[user], fields[system]} {
		hundredths, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(hundredths) * 10 * time.Millisecond
	}
	return total, nil
}

func awaitServer(ctx context.Context, endpoint string, ended <-chan struct{}) error {
	for deadline := time.Now().Add(serverStartup); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		response, err := http.Get(endpoint + "/health")
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("no answer within %s", serverStartup)
}

// upload puts the files of a folder into a location.
func upload(ctx context.Context, folder, location string) error {
	bucket, err := storage.OpenURL(ctx, location)
	if err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		key, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return bucket.Create(ctx, filepath.ToSlash(key), io.ReadSeeker(file))
	})
}
