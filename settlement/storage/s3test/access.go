package s3test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Account is the account of the users of [StartWithIdentities].
const Account = "000000000000"

// StartWithIdentities starts a server like [Start] whose users have ARNs and policies of their own,
// as at AWS: versitygw's service for identities runs beside it.
func StartWithIdentities(t *testing.T) *Server {
	t.Helper()
	s := prepare(t)
	// The path of a socket must be short.
	short, err := os.MkdirTemp("", "s3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "identities")
	address := freeAddress(t)
	s.identities = "http://" + address
	ended := s.start(t, "--port", address, "--region", Region, "--health", "/health", "--quiet",
		"iam", "--dir", s.mkdir("identities"), "--private-ports", socket)
	s.await(s.identities, ended)
	s.serve(t, "--iam-standalone-endpoint", socket)
	return s
}

// ARN returns how policies name a user: of [StartWithIdentities] the user's ARN, else the access key.
func (s *Server) ARN(name string) string {
	if s.identities != "" {
		return "arn:aws:iam::" + Account + ":user/" + name
	}
	return name + "-access"
}

// addIdentity makes a user with an access key.
func (s *Server) addIdentity(name string) {
	s.t.Helper()
	var created struct {
		ARN string `xml:"CreateUserResult>User>Arn"`
	}
	s.identity(&created, url.Values{"Action": {"CreateUser"}, "UserName": {name}})
	if created.ARN != s.ARN(name) {
		s.t.Fatalf("the user %s has the ARN %s, not %s", name, created.ARN, s.ARN(name))
	}
	var key struct {
		Access string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	s.identity(&key, url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}})
	s.AddProfile(name, key.Access, key.Secret)
}

// PutUserPolicy gives a user of [StartWithIdentities] a policy.
func (s *Server) PutUserPolicy(user string, policy []byte) {
	s.t.Helper()
	s.identity(nil, url.Values{"Action": {"PutUserPolicy"}, "UserName": {user}, "PolicyName": {"settle"}, "PolicyDocument": {string(policy)}})
}

// identity asks the service for identities to do something, and reads its answer.
func (s *Server) identity(answer any, form url.Values) {
	s.t.Helper()
	form.Set("Version", "2010-05-08")
	body := form.Encode()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.identities+"/", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	root := s.keys[Root]
	keys := aws.Credentials{AccessKeyID: root.access, SecretAccessKey: root.secret}
	if err := signer.NewSigner().SignHTTP(s.t.Context(), keys, request, hex.EncodeToString(sum[:]), "iam", Region, time.Now()); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatalf("%s: %v", form.Get("Action"), err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %s: %s, %v", form.Get("Action"), form.Get("UserName"), response.Status, text, err)
	}
	if answer == nil {
		return
	}
	if err := xml.Unmarshal(text, answer); err != nil {
		s.t.Fatalf("%s: %v in %s", form.Get("Action"), err, text)
	}
}

// Client returns a client with a profile's credentials; of "" one that does not say who it is.
func (s *Server) Client(profile string) *s3.Client {
	s.t.Helper()
	options := s3.Options{BaseEndpoint: aws.String(s.Endpoint), Region: Region, UsePathStyle: true, RetryMaxAttempts: 1}
	if profile == "" {
		options.Credentials = aws.AnonymousCredentials{}
		return s3.New(options)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	keys, known := s.keys[profile]
	if !known {
		s.t.Fatalf("there is no profile %s", profile)
	}
	options.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: keys.access, SecretAccessKey: keys.secret}, nil
	})
	return s3.New(options)
}

// PutBucketPolicy loads the policy of a bucket.
func (s *Server) PutBucketPolicy(bucket string, policy []byte) {
	s.t.Helper()
	input := &s3.PutBucketPolicyInput{Bucket: aws.String(bucket), Policy: aws.String(string(policy))}
	if _, err := s.Client(Root).PutBucketPolicy(s.t.Context(), input); err != nil {
		s.t.Fatalf("the policy of bucket %s: %v\n%s", bucket, err, policy)
	}
}

func (s *Server) createBucket(name string) {
	s.t.Helper()
	if _, err := s.Client(Root).CreateBucket(s.t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
		s.t.Fatalf("create bucket %s: %v", name, err)
	}
}
