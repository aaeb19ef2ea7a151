package storage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

// expectRefusal checks that an error says what is wanted and gives nothing away.
func expectRefusal(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error does not say %q: %v", what, text, err)
		}
	}
	if strings.Contains(err.Error(), "nobody-may-see") {
		t.Errorf("%s: the error gives a secret away: %v", what, err)
	}
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrExists) || errors.Is(err, storage.ErrChanged) {
		t.Errorf("%s: taken for an answer about an object: %v", what, err)
	}
}

// TestS3Users gives three buckets to three users, none of whom may touch another's.
func TestS3Users(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	users := []string{"intake", "ledger", "finance"}
	for _, user := range users {
		server.AddUser(user)
		server.AddBucket(user+"-bucket", user)
	}
	buckets := map[string]storage.Bucket{}
	for _, user := range users {
		buckets[user] = openS3(t, server.URL(user+"-bucket", "", user))
		put(t, buckets[user], "mine", []byte(user))
	}
	for _, user := range users {
		content, err := get(t, buckets[user], "mine", "")
		if err != nil || string(content) != user {
			t.Errorf("%s reads %q, %v", user, content, err)
		}
		for _, other := range users {
			if other != user {
				_, err := storage.OpenURL(t.Context(), server.URL(other+"-bucket", "", user))
				expectRefusal(t, user+" opens the bucket of "+other, err, "open s3://"+other+"-bucket/", "s3:ListBucket", "AccessDenied")
			}
		}
	}
}

func TestS3Refusals(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	name := server.NewBucket()
	server.AddProfile("unknown", "nobody", "x-nobody-may-see")
	server.AddProfile("mistyped", "root-access", "x-nobody-may-see")
	open := func(location string) error {
		_, err := storage.OpenURL(t.Context(), location)
		return err
	}
	expectRefusal(t, "unknown user", open(server.URL(name, "", "unknown")), "s3://"+name, "credentials are not valid", "InvalidAccessKeyId")
	expectRefusal(t, "wrong secret", open(server.URL(name, "", "mistyped")), "s3://"+name, "credentials are not valid", "SignatureDoesNotMatch")
	expectRefusal(t, "no such profile", open(server.URL(name, "", "nowhere")), `no profile "nowhere"`)
	expectRefusal(t, "no such bucket", open(server.URL("no-such-bucket", "", s3test.Root)), "s3://no-such-bucket", "create it")
	expectRefusal(t, "no credentials", open(strings.Replace(server.URL(name, "", s3test.Root), "profile=root&", "", 1)), "no usable credentials", "AWS_PROFILE")
	expectRefusal(t, "wrong region", open(strings.Replace(server.URL(name, "", s3test.Root), "us-east-1", "eu-west-1", 1)), "region")

	// Credentials of the environment count where no profile is named.
	t.Setenv("AWS_ACCESS_KEY_ID", "root-access")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "root-secret-that-nobody-may-see")
	t.Setenv("AWS_ENDPOINT_URL", server.Endpoint)
	t.Setenv("AWS_REGION", s3test.Region)
	if err := open("s3://" + name + "/some/prefix/"); err != nil {
		t.Errorf("settings of the environment: %v", err)
	}
	expectRefusal(t, "a profile before the environment", open("s3://"+name+"?profile=unknown"), "credentials are not valid")

	// What was there when the bucket was opened may go away.
	bucket := openS3(t, server.URL(name, "", s3test.Root))
	options := storage.S3Options{Endpoint: "http://127.0.0.1:1", Region: s3test.Region, Attempts: 2}
	start := time.Now()
	_, err := storage.OpenS3(t.Context(), name, "", options)
	expectRefusal(t, "nobody there", err, "no answer from 127.0.0.1:1", "connection refused")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("an endpoint where nobody is took %s", took)
	}
	put(t, bucket, "a/one", nil)
	expectRefusal(t, "a key that is a folder", bucket.Create(t.Context(), "a", strings.NewReader("x")), "create s3://"+name+"/a", "folder of another")
}
