package statement

import (
	"fmt"
	"reflect"

	"github.com/xitongsys/parquet-go/common"
	"github.com/xitongsys/parquet-go/layout"
	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/schema"
)

// A marshaller lays rows out by column, as the library's own function does of the structs that tables have: each field is a text, a
// number or a flag, or a pointer to one that is nil where the column is null. It goes column by column, which takes a fraction of
// the time and of the memory that is taken by going value by value through a tree, and uses its memory again: what the library was
// given the time before, it has made pages of.
type marshaller struct {
	columns map[string]*layout.Table
}

func (m *marshaller) marshal(rows []any, handler *schema.SchemaHandler) (*map[string]*layout.Table, error) {
	if m.columns == nil {
		m.columns = make(map[string]*layout.Table, len(handler.SchemaElements))
	}
	for place, element := range handler.SchemaElements[1:] { // the first is the table itself
		path := handler.IndexMap[int32(place+1)]
		column := m.columns[path]
		if column == nil {
			column = newColumn(handler, path, place+1)
			m.columns[path] = column
		}
		column.Values = emptied(column.Values, len(rows))
		column.DefinitionLevels, column.RepetitionLevels = emptied(column.DefinitionLevels, len(rows)), emptied(column.RepetitionLevels, len(rows))
		if err := marshalColumn(column, rows, place); err != nil {
			return nil, fmt.Errorf("column %s: %w", element.GetName(), err)
		}
	}
	return &m.columns, nil
}

func newColumn(handler *schema.SchemaHandler, path string, place int) *layout.Table {
	element := handler.SchemaElements[place]
	column := layout.NewEmptyTable()
	column.Path = common.StrToPath(path)
	column.RepetitionType = element.GetRepetitionType()
	column.Schema, column.Info = element, handler.Infos[place]
	if column.RepetitionType == parquet.FieldRepetitionType_OPTIONAL {
		column.MaxDefinitionLevel = 1
	}
	return column
}

// emptied returns a list of so many zero values, in the memory of another one if there is enough.
func emptied[V any](list []V, length int) []V {
	if cap(list) < length {
		return make([]V, length)
	}
	list = list[:length]
	clear(list)
	return list
}

// marshalColumn fills a column from the field of each row that has the place.
func marshalColumn(column *layout.Table, rows []any, place int) error {
	// Most texts and numbers are those of the row before, which need not be put into an interface again.
	var before any
	for i, row := range rows {
		field := reflect.ValueOf(row).Field(place)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
			column.DefinitionLevels[i] = 1
		}
		switch field.Kind() {
		case reflect.String:
			before = reuse(before, field.String())
		case reflect.Int64:
			before = reuse(before, field.Int())
		case reflect.Int32:
			before = reuse(before, int32(field.Int()))
		case reflect.Bool:
			before = field.Bool()
		default:
			return fmt.Errorf("is of type %s", field.Type())
		}
		column.Values[i] = before
	}
	return nil
}

// reuse returns the value in an interface: the one before, if that holds the same.
func reuse[V comparable](before any, value V) any {
	if held, same := before.(V); same && held == value {
		return before
	}
	return value
}
