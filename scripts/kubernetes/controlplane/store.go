package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// A store is a running S3 server, versitygw, on which inboxes, ledgers and statements lie.
type store struct {
	endpoint string
	server   *daemon
	client   *s3.Client
}

const (
	accessKey, secretKey = "settlement-access", "settlement-secret"
	region               = "us-east-1"
)

func startStore(ctx context.Context, program, folder string) (*store, error) {
	address := freeAddress()
	data := filepath.Join(folder, "objects")
	if err := os.Mkdir(data, 0o755); err != nil {
		return nil, err
	}
	server, err := startDaemon(folder, "versitygw", program, []string{"ROOT_ACCESS_KEY=" + accessKey, "ROOT_SECRET_KEY=" + secretKey},
		"--port", address, "--region", region, "--health", "/health", "--quiet", "posix", data)
	if err != nil {
		return nil, err
	}
	s := &store{endpoint: "http://" + address, server: server}
	s.client = s3.New(s3.Options{BaseEndpoint: &s.endpoint, Region: region, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		})})
	for deadline := time.Now().Add(30 * time.Second); ; {
		answer, err := http.Get(s.endpoint + "/health")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			server.stop()
			return nil, fmt.Errorf("the S3 server did not start; see %s/versitygw.log", folder)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// create makes a bucket.
func (s *store) create(ctx context.Context, bucket string) error {
	_, err := s.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	return err
}

// put puts a file into a bucket.
func (s *store) put(ctx context.Context, bucket, key string, content []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)})
	return err
}

// deliver puts the files of an inbox's dates into a bucket, below inbox/.
func (s *store) deliver(ctx context.Context, bucket, inbox string, dates ...string) error {
	files := 0
	err := filepath.WalkDir(inbox, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, date := range dates {
			if !strings.Contains(path, "date="+date+string(filepath.Separator)) {
				continue
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			key, err := filepath.Rel(inbox, path)
			if err != nil {
				return err
			}
			files++
			return s.put(ctx, bucket, "inbox/"+filepath.ToSlash(key), content)
		}
		return nil
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("the inbox %s has no files of %v", inbox, dates)
	}
	return err
}

// settings are the variables with which any settle reaches a bucket of the store: those of the overlay's ConfigMap.
func (s *store) settings(bucket string) map[string]string {
	values := map[string]string{"AWS_ENDPOINT_URL_S3": s.endpoint, "AWS_REGION": region}
	for _, place := range []string{"inbox", "ledger", "statements"} {
		values["SETTLE_"+strings.ToUpper(place)] = "s3://" + bucket + "/" + place + "?profile=" + place + "&path_style=true"
	}
	return values
}

// credentials is the file of the overlay's Secret.
func (s *store) credentials() string {
	var text strings.Builder
	for _, place := range []string{"inbox", "ledger", "statements"} {
		fmt.Fprintf(&text, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", place, accessKey, secretKey)
	}
	return text.String()
}

// output runs a command with an input, and returns what it printed; its error has what it said.
func output(command *exec.Cmd, input []byte) (string, error) {
	var out, said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &out, &said
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s%s", strings.Join(command.Args, " "), err, &said, &out)
	}
	return out.String() + said.String(), nil
}
