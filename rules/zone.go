package rules

import (
	"archive/zip"
	"bytes"
	_ "embed" // for the time zone database
	"fmt"
	"io"
	"strings"
	"time"
)

// zoneDatabase is the IANA time zone database, release 2025c, as Go ships it. It is compiled
// in, and the machine's own is not asked: the same rulebook must settle alike everywhere.
//
//go:embed zoneinfo.zip
var zoneDatabase []byte

// loadZone returns a time zone by its name in the database.
func loadZone(name string) (*time.Location, error) {
	unknown := fmt.Errorf("%q is not a time zone of the IANA database, such as Asia/Shanghai", shorten(name))
	if strings.HasSuffix(name, "/") {
		return nil, unknown
	}
	archive, err := zip.NewReader(bytes.NewReader(zoneDatabase), int64(len(zoneDatabase)))
	if err != nil {
		panic("rules: the time zone database is broken: " + err.Error())
	}
	for _, file := range archive.File {
		if file.Name != name {
			continue
		}
		data, err := readZipped(file)
		if err != nil {
			panic("rules: the time zone database is broken: " + err.Error())
		}
		return time.LoadLocationFromTZData(name, data)
	}
	return nil, unknown
}

func readZipped(file *zip.File) ([]byte, error) {
	reader, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}
