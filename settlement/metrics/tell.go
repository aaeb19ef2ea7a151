package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// allianceLabel is on every metric.
const allianceLabel = "alliance"

// Job is the value of the label job in a Pushgateway.
const Job = "settle"

// Push replaces the families in the Pushgateway's group of the alliance; the others of the group
// stay. The address is that of the gateway, with or without user and password.
func Push(ctx context.Context, address, alliance string, families []*dto.MetricFamily) error {
	gateway, err := url.Parse(address)
	if err != nil || gateway.Scheme != "http" && gateway.Scheme != "https" || gateway.Host == "" {
		return errors.New("the address of the Pushgateway is not of the form http://host:9091") // it may hold a password
	}
	user := gateway.User
	gateway.User = nil
	pusher := push.New(gateway.String(), Job).Grouping(allianceLabel, alliance).Client(&http.Client{}).
		Gatherer(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil }))
	if user != nil {
		password, _ := user.Password()
		pusher.BasicAuth(user.Username(), password)
	}
	if err := pusher.AddContext(ctx); err != nil {
		return fmt.Errorf("push metrics to %s: %w", gateway, err)
	}
	return nil
}

// WriteFile replaces a file of the textfile collector, in one step: whoever reads it finds the old
// or the new one. Families that are not given but in the file, of the same alliance, stay.
// A file that cannot be understood is replaced all the same; the error says so then.
func WriteFile(path, alliance string, families []*dto.MetricFamily) error {
	kept, unread := readFile(path, alliance)
	labelled := make([]*dto.MetricFamily, 0, len(families)+len(kept))
	for _, family := range families {
		delete(kept, family.GetName())
		labelled = append(labelled, withAlliance(family, alliance))
	}
	for _, family := range kept {
		labelled = append(labelled, family)
	}
	slices.SortFunc(labelled, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	var text bytes.Buffer
	for _, family := range labelled {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	if err := replace(path, text.Bytes()); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return unread
}

// withAlliance returns a copy of a family whose metrics have the label; "" is no label.
func withAlliance(family *dto.MetricFamily, alliance string) *dto.MetricFamily {
	if alliance == "" {
		return family
	}
	name := allianceLabel
	labelled := &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type}
	for _, metric := range family.Metric {
		labels := append([]*dto.LabelPair{{Name: &name, Value: &alliance}}, metric.Label...)
		labelled.Metric = append(labelled.Metric, &dto.Metric{Label: labels, Gauge: metric.Gauge})
	}
	return labelled
}

// readFile returns the families of a file that an earlier run left and a later one may not know.
// Those of another alliance are left out.
func readFile(path, alliance string) (map[string]*dto.MetricFamily, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var families map[string]*dto.MetricFamily
	if err == nil {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err = parser.TextToMetricFamilies(bytes.NewReader(text))
	}
	if err != nil {
		return nil, fmt.Errorf("what earlier runs told is lost, %s could not be read: %w", path, err)
	}
	for name, family := range families {
		foreign := func(metric *dto.Metric) bool { return alliance != "" && allianceOf(metric) != alliance }
		if !isLasting(name) || slices.ContainsFunc(family.Metric, foreign) {
			delete(families, name)
		}
	}
	return families, nil
}

// isLasting reports whether a family outlives the run that told it.
func isLasting(name string) bool {
	return strings.HasPrefix(name, "settle_") && !strings.HasPrefix(name, "settle_run_")
}

func allianceOf(metric *dto.Metric) string {
	for _, label := range metric.Label {
		if label.GetName() == allianceLabel {
			return label.GetValue()
		}
	}
	return ""
}

// replace writes a file beside the one of the path and renames it. Its name does not end in .prom,
// so that the collector passes over it.
func replace(path string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()) // the collector is another user
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
