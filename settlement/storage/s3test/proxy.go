package s3test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A Fault is what goes wrong with one request.
type Fault int

const (
	// NoFault passes the request on and its answer back.
	NoFault Fault = iota
	// ResetBefore breaks the connection before the server sees the request.
	ResetBefore
	// AnswerLost lets the server do the request and breaks the connection instead of answering.
	AnswerLost
	// Overloaded answers 503 in the server's place.
	Overloaded
	// OverloadedAfter lets the server do the request and answers 503.
	OverloadedAfter
	// SlowBody gives the answer's body in small pieces.
	SlowBody
	// StalledBody gives half of the answer's body and then nothing.
	StalledBody
	// ShortBody gives half of the answer's body and breaks the connection.
	ShortBody
	// FlippedAnswer changes one bit in the middle of an object's bytes that are read.
	FlippedAnswer
	// FlippedUpload changes one bit in the middle of the bytes that are stored.
	FlippedUpload
	// AbsentRefused says of what is absent that access to it is denied, as AWS does to those who may
	// not list the bucket, or parts of it only.
	AbsentRefused
	// Broken answers 500 in the server's place.
	Broken
	// SilentBefore never answers and does not pass the request on.
	SilentBefore
	// SilentAfter lets the server do the request and never answers.
	SilentAfter
	// Forbidden answers 403 in the server's place.
	Forbidden
	// Absent answers 404 in the server's place: there is no such object, or no such bucket.
	Absent
)

// Faults are what may go wrong with any request, by name. A client gets over all of them, but for a
// Create that it may not repeat and for bytes that are wrong.
var Faults = map[string]Fault{
	"reset before": ResetBefore, "answer lost": AnswerLost, "overloaded": Overloaded, "overloaded after": OverloadedAfter,
	"slow body": SlowBody, "stalled body": StalledBody, "short body": ShortBody, "flipped answer": FlippedAnswer, "flipped upload": FlippedUpload,
	"broken": Broken, "silent before": SilentBefore, "silent after": SilentAfter,
}

// Refusals are answers that a client has to believe, by name.
var Refusals = map[string]Fault{"forbidden": Forbidden, "absent": Absent}

// A Proxy stands before a server and lets requests go wrong.
type Proxy struct {
	// Endpoint is where it listens.
	Endpoint string
	// Requests counts the requests that came.
	Requests atomic.Int64

	target    string
	transport *http.Transport
	decide    atomic.Pointer[func(number int64, request *http.Request) Fault]
}

// StartProxy starts a proxy that passes everything on until it is told otherwise by Decide.
func StartProxy(t testing.TB, server *Server) *Proxy {
	p := &Proxy{target: strings.TrimPrefix(server.Endpoint, "http://"), transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}
	p.Decide(func(int64, *http.Request) Fault { return NoFault })
	listening := httptest.NewUnstartedServer(p)
	listening.Config.ErrorLog = log.New(io.Discard, "", 0)
	listening.Start()
	p.Endpoint = listening.URL
	t.Cleanup(func() {
		listening.CloseClientConnections()
		listening.Close()
		p.transport.CloseIdleConnections()
	})
	return p
}

// Decide says what goes wrong from now on. Requests are counted from 1 anew.
func (p *Proxy) Decide(decide func(number int64, request *http.Request) Fault) {
	p.Requests.Store(0)
	p.decide.Store(&decide)
}

// Once lets one request go wrong.
func (p *Proxy) Once(number int64, fault Fault) {
	p.Decide(func(n int64, _ *http.Request) Fault {
		if n == number {
			return fault
		}
		return NoFault
	})
}

// ServeHTTP passes a request on, or does not.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := (*p.decide.Load())(p.Requests.Add(1), r)
	switch fault {
	case ResetBefore:
		reset(w)
		return
	case Overloaded, Broken, Forbidden, Absent:
		io.Copy(io.Discard, r.Body)
		refuse(w, r, fault)
		return
	case SilentBefore:
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	request := r.Clone(r.Context())
	request.URL.Scheme, request.URL.Host, request.RequestURI = "http", p.target, ""
	if r.ContentLength == 0 {
		request.Body = nil
	} else if fault == FlippedUpload {
		request.Body = io.NopCloser(&flipping{r.Body, r.ContentLength / 2})
	}
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		reset(w)
		return
	}
	defer response.Body.Close()
	if fault == AbsentRefused && response.StatusCode == http.StatusNotFound {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
		return
	}
	switch fault {
	case AnswerLost:
		io.Copy(io.Discard, response.Body)
		reset(w)
	case OverloadedAfter:
		io.Copy(io.Discard, response.Body)
		refuse(w, r, fault)
	case SilentAfter:
		io.Copy(io.Discard, response.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	default:
		answer(w, r, response, fault)
	}
}

func answer(w http.ResponseWriter, r *http.Request, response *http.Response, fault Fault) {
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	size := response.ContentLength
	var body io.Reader = response.Body
	if fault == FlippedAnswer && size > 0 && response.Header.Get("ETag") != "" {
		body = &flipping{body, size / 2}
	}
	switch {
	case fault == SlowBody:
		for piece := size/5 + 1; ; {
			n, err := io.CopyN(w, body, piece)
			if w.(http.Flusher).Flush(); err != nil || n < piece {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	case (fault == StalledBody || fault == ShortBody) && size > 0:
		io.CopyN(w, body, size/2)
		w.(http.Flusher).Flush()
		if fault == StalledBody {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	default:
		io.Copy(w, body)
	}
}

// reset breaks the connection as a router that has forgotten it does.
func reset(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	connection.Close()
}

// refuse answers in the server's place.
func refuse(w http.ResponseWriter, r *http.Request, fault Fault) {
	status, code, message := http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."
	switch fault {
	case Broken:
		status, code, message = http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."
	case Forbidden:
		status, code, message = http.StatusForbidden, "AccessDenied", "Access Denied."
	case Absent:
		status, code, message = http.StatusNotFound, "NoSuchKey", "The specified key does not exist."
		if r.Method == http.MethodPut || r.URL.Query().Has("list-type") {
			code, message = "NoSuchBucket", "The specified bucket does not exist."
		}
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	}
}

// A flipping reader changes the lowest bit of the byte that has left bytes before it.
type flipping struct {
	io.Reader
	left int64
}

func (f *flipping) Read(buffer []byte) (int, error) {
	n, err := f.Reader.Read(buffer)
	if f.left >= 0 && f.left < int64(n) {
		buffer[f.left] ^= 1
	}
	f.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}
