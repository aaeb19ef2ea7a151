package intake

import (
	"fmt"
	"strings"

	"alliance/settlement"
)

// The physical types of Parquet, by their numbers in the footer.
const (
	physicalInt32     = 1
	physicalInt64     = 2
	physicalByteArray = 6
	physicalFixed     = 7
)

var physicalNames = [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}

// The logical types of Parquet, by their numbers in the footer.
const (
	logicalNone      = 0
	logicalString    = 1
	logicalMap       = 2
	logicalList      = 3
	logicalEnum      = 4
	logicalDecimal   = 5
	logicalDate      = 6
	logicalTime      = 7
	logicalTimestamp = 8
	logicalInteger   = 10
	logicalNull      = 11
	logicalJSON      = 12
	logicalBSON      = 13
	// logicalInterval has no number of its own, only one among the types of old files.
	logicalInterval = -1
)

var logicalNames = map[int64]string{logicalString: "STRING", logicalMap: "MAP", logicalList: "LIST", logicalEnum: "ENUM", logicalDate: "DATE",
	logicalNull: "NULL", logicalJSON: "JSON", logicalBSON: "BSON", 14: "UUID", 15: "FLOAT16", 16: "VARIANT", 17: "GEOMETRY", 18: "GEOGRAPHY",
	logicalInterval: "INTERVAL"}

// The units of timestamps.
const (
	unitMillis = 1
	unitMicros = 2
	unitNanos  = 3
)

var unitNames = [...]string{"?", "MILLIS", "MICROS", "NANOS"}

// The repetitions of a field.
const (
	required = 0
	optional = 1
	repeated = 2
)

// A parquetField is a field of the schema.
type parquetField struct {
	name string
	// A field is a leaf, which has values, or a group of fields.
	isLeaf     bool
	children   int64
	physical   int64
	length     int64 // of FIXED_LEN_BYTE_ARRAY
	repetition int64
	logical    int64
	// scale and precision are those of a DECIMAL.
	scale, precision int64
	// isUTC, isSigned, bits and unit are those of timestamps, times and integers.
	isUTC, isSigned bool
	bits, unit      int64
	// leaf is the number of a leaf at the top among all leaves.
	leaf int

	converted int64
}

// readSchema reads the schema, checks it, and picks the columns that are read.
func (f *parquetFile) readSchema(footer []byte) error {
	t := &thriftReader{data: footer}
	var elements []parquetField
	tooMany := false
	t.structure(thriftStruct, func(id int, wire byte) bool {
		if id != 2 {
			return false
		}
		t.list(wire, func(wire byte) {
			if tooMany = len(elements) == f.limits.schemaFields; tooMany {
				t.fail(errThrift)
				return
			}
			elements = append(elements, readField(t, wire))
		})
		return true
	})
	switch {
	case tooMany:
		return unreadable("the schema has more fields than the limit of %d", f.limits.schemaFields)
	case t.err != nil:
		return footerFault(t.err)
	case len(elements) == 0 || elements[0].isLeaf || elements[0].children < 0 || elements[0].children > int64(len(elements)):
		return footerFault(errThrift)
	case elements[0].children > int64(f.limits.columns):
		return unreadable("the schema has %d columns, more than the limit of %d", elements[0].children, f.limits.columns)
	}
	return f.topFields(elements)
}

// topFields keeps the fields at the top and counts the leaves. The schema is a tree, written
// from the root down, left to right.
func (f *parquetFile) topFields(elements []parquetField) error {
	at := 1
	for range elements[0].children {
		if at >= len(elements) {
			return footerFault(errThriftShort)
		}
		field := elements[at]
		field.leaf = f.leaves
		for due := int64(1); due > 0; due-- {
			if at >= len(elements) {
				return footerFault(errThriftShort)
			}
			element := &elements[at]
			if element.children < 0 || element.children > int64(len(elements)) || element.isLeaf && element.children > 0 {
				return footerFault(errThrift)
			}
			due += element.children
			if element.isLeaf {
				f.leaves++
			}
			at++
		}
		f.fields = append(f.fields, field)
	}
	if at != len(elements) {
		return footerFault(errThrift)
	}
	return nil
}

func readField(t *thriftReader, wire byte) parquetField {
	field := parquetField{converted: -1}
	t.structure(wire, func(id int, wire byte) bool {
		switch id {
		case 1:
			field.isLeaf, field.physical = true, t.integer(wire)
		case 2:
			field.length = t.integer(wire)
		case 3:
			field.repetition = t.integer(wire)
		case 4:
			field.name = string(t.binary(wire))
		case 5:
			field.children = t.integer(wire)
		case 6:
			field.converted = t.integer(wire)
		case 7:
			field.scale = t.integer(wire)
		case 8:
			field.precision = t.integer(wire)
		case 10:
			readLogical(t, wire, &field)
		default:
			return false
		}
		return true
	}, 4)
	if field.logical == logicalNone {
		field.convert()
	}
	return field
}

// readLogical reads the logical type, a union: a structure with one field.
func readLogical(t *thriftReader, wire byte, field *parquetField) {
	t.structure(wire, func(id int, wire byte) bool {
		field.logical = int64(id)
		t.structure(wire, func(part int, wire byte) bool {
			switch {
			case id == logicalDecimal && part == 1:
				field.scale = t.integer(wire)
			case id == logicalDecimal && part == 2:
				field.precision = t.integer(wire)
			case (id == logicalTimestamp || id == logicalTime) && part == 1:
				field.isUTC = t.boolean(wire)
			case (id == logicalTimestamp || id == logicalTime) && part == 2:
				t.structure(wire, func(unit int, _ byte) bool { field.unit = int64(unit); return false })
			case id == logicalInteger && part == 1:
				field.bits = t.integer(wire)
			case id == logicalInteger && part == 2:
				field.isSigned = t.boolean(wire)
			default:
				return false
			}
			return true
		})
		return true
	})
}

// convert sets the logical type from the one that old writers give. Their timestamps are in UTC.
func (f *parquetField) convert() {
	logical := [...]int64{logicalString, logicalMap, logicalMap, logicalList, logicalEnum, logicalDecimal, logicalDate, logicalTime, logicalTime,
		logicalTimestamp, logicalTimestamp, logicalInteger, logicalInteger, logicalInteger, logicalInteger,
		logicalInteger, logicalInteger, logicalInteger, logicalInteger, logicalJSON, logicalBSON, logicalInterval}
	if f.converted < 0 || f.converted >= int64(len(logical)) {
		return
	}
	f.logical = logical[f.converted]
	switch f.logical {
	case logicalTime, logicalTimestamp:
		f.isUTC = true
		f.unit = unitMillis + (f.converted-7)%2
	case logicalInteger:
		f.isSigned = f.converted >= 15
		f.bits = 8 << ((f.converted - 11) % 4)
	}
}

// String describes the field's type as a merchant's tools name it.
func (f *parquetField) String() string {
	if !f.isLeaf {
		name := "a group of fields"
		if logical, named := logicalNames[f.logical]; named {
			name = logical
		}
		return name
	}
	name := fmt.Sprintf("type %d", f.physical)
	if f.physical >= 0 && f.physical < int64(len(physicalNames)) {
		name = physicalNames[f.physical]
	}
	if f.physical == physicalFixed {
		name = fmt.Sprintf("%s(%d)", name, f.length)
	}
	if f.repetition == repeated {
		name = "repeated " + name
	}
	if logical := f.describeLogical(); logical != "" {
		name += " " + logical
	}
	return name
}

func (f *parquetField) describeLogical() string {
	switch f.logical {
	case logicalNone:
		return ""
	case logicalDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", f.precision, f.scale)
	case logicalTime, logicalTimestamp:
		name, zone := "TIMESTAMP", "adjusted to UTC"
		if f.logical == logicalTime {
			name = "TIME"
		}
		if !f.isUTC {
			zone = "not adjusted to UTC"
		}
		return fmt.Sprintf("%s(%s, %s)", name, unitNames[max(0, f.unit)%int64(len(unitNames))], zone)
	case logicalInteger:
		if f.isSigned {
			return fmt.Sprintf("INT(%d)", f.bits)
		}
		return fmt.Sprintf("UINT(%d)", f.bits)
	default:
		if name, named := logicalNames[f.logical]; named {
			return name
		}
		return fmt.Sprintf("logical type %d", f.logical)
	}
}

// pickColumns finds the columns that are read, and notes those that are not known. held is the
// fault of columns that are absent or of another type.
func (f *parquetFile) pickColumns(rows *rowReader) error {
	present := make(map[string]bool, len(f.fields))
	names := make([]string, len(f.fields))
	var wrong [settlement.Columns + 1]*parquetField
	for i := range f.fields {
		field := &f.fields[i]
		name := rows.tidyName(field.name)
		names[i] = name
		switch {
		case name == "":
			return unreadable("column %d of the schema has no name", i+1)
		case present[name]:
			return rows.nameTwice("schema", names, i)
		}
		present[name] = true
		column, known := rows.find(name)
		switch {
		case !known:
			rows.unknownColumn(name, i+1)
			continue
		case column == noColumn:
			continue
		}
		form := field.formFor(column)
		if form == noForm {
			wrong[min(column, settlement.Columns)] = field // the last one is that of a time of day
			continue
		}
		f.columns = append(f.columns, parquetColumn{column, field, form})
	}
	rows.held = rows.missingColumns("schema", present, len(names))
	if rows.held == nil {
		rows.held = wrongTypes(wrong[:])
	}
	return nil
}

// wrongTypes returns the fault of columns whose type is none that they may have.
func wrongTypes(wrong []*parquetField) *fileFault {
	var fault *fileFault
	var found []string
	for column, field := range wrong {
		if field == nil {
			continue
		}
		if fault == nil {
			fault = &fileFault{code: settlement.WrongType, column: cutValue(field.name), value: cutValue(field.String())}
		}
		types := textTypes
		if column < int(settlement.Columns) {
			types = parquetTypes[column]
		}
		found = append(found, fmt.Sprintf("column %s has the type %s, it has to be %s", cutValue(field.name), field, types))
	}
	if fault != nil {
		fault.message = strings.Join(found, "; ")
	}
	return fault
}
