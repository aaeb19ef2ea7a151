package clearing

import (
	"reflect"
	"testing"

	"alliance/settlement"
)

// TestIsOfLooksAtAllOfTheKey changes each field of a line's key, and each of its price, and the allocation is of that line no more.
func TestIsOfLooksAtAllOfTheKey(t *testing.T) {
	allocation := settlement.Allocation{Issuer: 1, Redeemer: 2, BusinessDate: 3, Price: settlement.Price{ID: "base", Amount: 4, PerPoints: 5}}
	key := allocation.LineKey()
	if !isOf(&allocation, &key) {
		t.Error("an allocation is not of its own line")
	}
	var change func(of reflect.Value, name string)
	change = func(of reflect.Value, name string) {
		for i := range of.NumField() {
			field, was := of.Field(i), reflect.ValueOf(of.Field(i).Interface())
			switch {
			case field.Kind() == reflect.Struct:
				change(field, of.Type().Field(i).Name+".")
				continue
			case field.Kind() == reflect.String:
				field.SetString("other")
			case field.CanInt():
				field.SetInt(99)
			case field.CanUint():
				field.SetUint(99)
			default:
				t.Fatalf("%s%s is of a kind that this test cannot change", name, of.Type().Field(i).Name)
			}
			if isOf(&allocation, &key) {
				t.Errorf("the line has another %s%s", name, of.Type().Field(i).Name)
			}
			field.Set(was)
		}
	}
	change(reflect.ValueOf(&key).Elem(), "")
}
