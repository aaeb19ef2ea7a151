package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// A watchedTransport breaks off requests that make no progress: a store that takes no byte,
// does not answer, or stops in the middle of its answer.
type watchedTransport struct {
	base  http.RoundTripper
	stall time.Duration
}

// errStalled is the cause with which a request is broken off.
var errStalled = errors.New("stalled")

// A brokenError is what was wrong with a connection in the middle of an answer, or a stall. The
// SDK sees from its methods that another attempt may succeed.
type brokenError struct {
	text  string
	cause error
}

func (e *brokenError) Error() string   { return e.text }
func (e *brokenError) Unwrap() error   { return e.cause }
func (e *brokenError) Timeout() bool   { return true }
func (e *brokenError) Temporary() bool { return true }

type patienceKey struct{}

// withPatience lets a request wait longer for its answer.
func withPatience(ctx context.Context, limit time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, limit)
}

// A watch cancels its request unless it is reset in time.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (w *watch) fault(err error) error {
	if context.Cause(w.ctx) == errStalled {
		return &brokenError{fmt.Sprintf("the store made no progress for %s", w.limit), errStalled}
	}
	return err
}

func (t *watchedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	limit := t.stall
	if longer, given := request.Context().Value(patienceKey{}).(time.Duration); given {
		limit = max(limit, longer)
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	w := &watch{ctx: ctx, cancel: cancel, limit: limit}
	w.timer = time.AfterFunc(limit, func() { cancel(errStalled) })
	request = request.WithContext(ctx)
	w.watchUpload(request)
	response, err := t.base.RoundTrip(request)
	w.timer.Stop()
	if err != nil {
		err = w.fault(err)
		cancel(nil)
		return nil, err
	}
	response.Body = &watchedResponse{response.Body, w}
	return response, nil
}

func (w *watch) watchUpload(request *http.Request) {
	if request.Body == nil || request.Body == http.NoBody {
		return
	}
	request.Body = &watchedUpload{request.Body, w}
	if again := request.GetBody; again != nil {
		request.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			return &watchedUpload{body, w}, err
		}
	}
}

// A watchedUpload is a request's body. The connection asks it for more as it gets on.
type watchedUpload struct {
	io.ReadCloser
	watch *watch
}

func (u *watchedUpload) Read(buffer []byte) (int, error) {
	u.watch.timer.Reset(u.watch.limit)
	return u.ReadCloser.Read(buffer)
}

// A watchedResponse is an answer's body. Only the store's time counts, not the reader's.
type watchedResponse struct {
	body  io.ReadCloser
	watch *watch
}

func (r *watchedResponse) Read(buffer []byte) (int, error) {
	r.watch.timer.Reset(r.watch.limit)
	n, err := r.body.Read(buffer)
	r.watch.timer.Stop()
	if err == nil || err == io.EOF {
		return n, err
	}
	if stalled := r.watch.fault(err); stalled != err {
		return n, stalled
	}
	return n, &brokenError{fmt.Sprintf("the answer broke off: %v", err), err}
}

func (r *watchedResponse) Close() error {
	r.watch.timer.Stop()
	err := r.body.Close()
	r.watch.cancel(nil)
	return err
}

// jitter returns a random time up to limit, so that many clients do not come back at once.
func jitter(limit time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(limit) + 1))
}
