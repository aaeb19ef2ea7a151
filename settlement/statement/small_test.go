package statement

import (
	"bytes"
	"math/rand"
	"reflect"
	"strings"
	"testing"
)

// TestSmallTablesAreTheLibrarys encodes tables of few rows both ways.
func TestSmallTablesAreTheLibrarys(t *testing.T) {
	compareWithLibrary(t, summaryTable)
	compareWithLibrary(t, statementTable)
	compareWithLibrary(t, exceptionTable)
	compareWithLibrary(t, inputTable)
	compareWithLibrary(t, changeTable)
	compareWithLibrary(t, lineTable)
	compareWithLibrary(t, positionTable)
	compareWithLibrary(t, feeTable)
	compareWithLibrary(t, paymentTable)
	compareWithLibrary(t, pointsTable)
	compareWithLibrary(t, allianceExceptionTable)
	compareWithLibrary(t, allianceInputTable)
}

func compareWithLibrary[R any](t *testing.T, table *table[R]) {
	t.Run(table.file+" of "+reflect.TypeFor[R]().Name(), func(t *testing.T) {
		random := rand.New(rand.NewSource(1))
		small, err := table.small()
		if err != nil {
			t.Fatal(err)
		}
		fitting, not := 0, 0
		for _, count := range []int{1, 1, 1, 2, 2, 3, 7, 8, 9, 14, 15, 16, 63, 64, 65, 200, 500, 1000, 4000} {
			rows := make([]R, count)
			longest := []int{1, 20, 300, 2000}[random.Intn(4)]
			for i := range rows {
				fillRandomly(random, reflect.ValueOf(&rows[i]).Elem(), longest)
			}
			want, err := table.encodeLarge(rows)
			if err != nil {
				t.Fatal(err)
			}
			got, fits := small.encode(reflect.ValueOf(rows))
			if !fits {
				not++
				continue
			}
			fitting++
			if !bytes.Equal(got, want) {
				t.Errorf("%d rows, texts of up to %d bytes: %d bytes are not the library's %d", count, longest, len(got), len(want))
			}
		}
		if fitting < 8 || not == 0 {
			t.Errorf("%d tables were small enough, %d were not", fitting, not)
		}
	})
}

// fillRandomly fills a struct; values repeat, as they do, and a third of what may be null is.
func fillRandomly(random *rand.Rand, row reflect.Value, longest int) {
	for i := range row.NumField() {
		field := row.Field(i)
		if field.Kind() == reflect.Pointer {
			if random.Intn(3) == 0 {
				continue
			}
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}
		switch field.Kind() {
		case reflect.String:
			field.SetString(strings.Repeat(string(rune('a'+random.Intn(26))), random.Intn(longest+1)))
		case reflect.Bool:
			field.SetBool(random.Intn(2) == 0)
		case reflect.Int32:
			field.SetInt(int64(int32(random.Uint32()) >> random.Intn(32)))
		default:
			field.SetInt(int64(random.Uint64()) >> random.Intn(64))
		}
	}
}
