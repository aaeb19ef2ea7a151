package intake

import (
	"os"
	"path/filepath"
	"testing"
)

// TestParquetWithoutRows reads what pyarrow 26 writes on a day without a sale: a row group of no
// rows, whose columns are said to lie at byte 0. One file was written with its defaults, the
// other with compression="none" and use_dictionary=False.
func TestParquetWithoutRows(t *testing.T) {
	for _, name := range []string{"pyarrow-26-empty.parquet", "pyarrow-26-empty-plain.parquet"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := readParquetFile(t, string(content)), "0 rows, 0 issued, 0 redeemed, unknown []\n"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
