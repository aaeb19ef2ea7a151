package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// A profileDescription is a layout and who uses it.
type profileDescription struct {
	// Name is "" for the layout of one merchant, without a name.
	Name       string              `json:"name,omitempty"`
	Merchants  []string            `json:"merchants"`
	Columns    map[string]string   `json:"columns"`
	Ignore     []string            `json:"ignore,omitempty"`
	Header     bool                `json:"header"`
	Fields     []string            `json:"fields,omitempty"`
	Delimiter  string              `json:"delimiter"`
	Quote      bool                `json:"quote"`
	Encoding   string              `json:"encoding"`
	Trim       bool                `json:"trim"`
	Empty      []string            `json:"empty,omitempty"`
	Kinds      map[string]string   `json:"kinds,omitempty"`
	Points     *numberDescription  `json:"points,omitempty"`
	Amount     *numberDescription  `json:"amount,omitempty"`
	OccurredAt *clockDescription   `json:"occurred_at,omitempty"`
	Dates      string              `json:"dates,omitempty"`
	Constants  map[string]string   `json:"constants,omitempty"`
	Sample     []sampleDescription `json:"sample"`
}

type numberDescription struct {
	Decimal string `json:"decimal"`
	Group   string `json:"group,omitempty"`
	Scale   int64  `json:"scale"`
	Sign    string `json:"sign,omitempty"`
}

type clockDescription struct {
	Pattern    string `json:"pattern,omitempty"`
	DateColumn string `json:"date_column,omitempty"`
	TimeColumn string `json:"time_column,omitempty"`
	Zone       string `json:"zone,omitempty"`
	Epoch      string `json:"epoch,omitempty"`
}

// A sampleDescription is one column of a made-up row: as the merchant writes it, and as it is read.
type sampleDescription struct {
	Column  string   `json:"column"`
	Names   []string `json:"names"`
	Written []string `json:"written"`
	Read    string   `json:"read"`
}

// profileDescriptions describes the layouts with a name, then those of single merchants.
func (r *Rulebook) profileDescriptions() []profileDescription {
	list := []profileDescription{}
	for _, profile := range r.Profiles {
		d := r.profileDescription(profile.Layout)
		d.Name = profile.Name
		for i := range r.Merchants {
			if r.Merchants[i].Layout == profile.Layout {
				d.Merchants = append(d.Merchants, r.Merchants[i].ID)
			}
		}
		list = append(list, d)
	}
	for i := range r.Merchants {
		if m := &r.Merchants[i]; m.Layout != nil && m.Profile == "" {
			d := r.profileDescription(m.Layout)
			d.Merchants = append(d.Merchants, m.ID)
			list = append(list, d)
		}
	}
	return list
}

func (r *Rulebook) profileDescription(l *layout.Layout) profileDescription {
	d := profileDescription{
		Merchants: []string{}, Columns: map[string]string{}, Ignore: l.Ignored, Header: l.Fields == nil, Fields: l.Fields, Delimiter: string(l.Delimiter),
		Quote: !l.Unquoted, Encoding: l.Encoding, Trim: l.Trim, Empty: l.Empty, Points: describeNumber(l.Points), Amount: describeNumber(l.Amount),
	}
	if d.Points != nil {
		d.Points.Sign = string(l.Sign)
	}
	for column := range settlement.Columns {
		if sources := l.Sources(column); l.Names[column] != "" && len(sources) == 1 {
			d.Columns[column.String()] = sources[0]
		}
		if value := l.Constants[column]; value != "" {
			d.Constants = put(d.Constants, column.String(), value)
		}
	}
	for word, kind := range l.Kinds {
		d.Kinds = put(d.Kinds, word, kind.String())
	}
	if c := l.OccurredAt; c != nil {
		d.OccurredAt = &clockDescription{Zone: c.ZoneName, Epoch: string(c.Epoch), TimeColumn: l.TimeName}
		if c.Pattern != nil {
			d.OccurredAt.Pattern = c.Pattern.String()
		}
		if l.TimeName != "" {
			d.OccurredAt.DateColumn = l.Names[settlement.OccurredAt]
		}
	}
	if l.Dates != nil {
		d.Dates = l.Dates.String()
	}
	for _, value := range l.Sample(r.Money.Currency) {
		d.Sample = append(d.Sample, sampleDescription{value.Column.String(), append([]string{}, value.Names...), append([]string{}, value.Written...), value.Read})
	}
	return d
}

func put(table map[string]string, name, value string) map[string]string {
	if table == nil {
		table = map[string]string{}
	}
	table[name] = value
	return table
}

func describeNumber(n *layout.Number) *numberDescription {
	if n == nil {
		return nil
	}
	d := &numberDescription{Decimal: string(n.Decimal), Scale: n.Scale}
	if n.Group != 0 {
		d.Group = string(n.Group)
	}
	return d
}

func (p *printer) profiles(profiles []profileDescription) {
	for i := range profiles {
		p.profile(&profiles[i])
	}
}

// profile prints a layout and a sample row, before and after.
func (p *printer) profile(d *profileDescription) {
	who := "nobody"
	if len(d.Merchants) > 0 {
		who = strings.Join(d.Merchants, ", ")
	}
	if d.Name == "" {
		p.title("Profile of %s", who)
	} else {
		p.title("Profile %s, of %s", d.Name, who)
	}
	p.row("CSV", d.describeCSV())
	p.row("values", d.describeValues())
	if d.Kinds != nil {
		p.row("kinds", described(d.Kinds))
	}
	if d.Points != nil {
		p.row("points", d.Points.describe("point"))
	}
	if d.Amount != nil {
		p.row("amount", d.Amount.describe("unit of the currency"))
	}
	if d.OccurredAt != nil {
		p.row("occurred_at", d.OccurredAt.describe())
	}
	if d.Dates != "" {
		p.row("dates", d.Dates)
	}
	if len(d.Ignore) > 0 {
		p.row("ignored columns", strings.Join(d.Ignore, ", "))
	}
	p.tabs.Flush()
	p.row("a row:", "in the file", "there", "as it is read")
	for _, one := range d.Sample {
		if len(one.Names) == 0 {
			p.row("  "+one.Column, "(constant)", "", one.Read)
			continue
		}
		p.row("  "+one.Column, strings.Join(one.Names, " + "), strings.Join(one.Written, " + "), one.Read)
	}
}

func (d *profileDescription) describeCSV() string {
	text := d.Encoding + ", delimiter " + strconv.Quote(d.Delimiter)
	if !d.Quote {
		text += ", quotes are characters"
	}
	if d.Header {
		return text + ", with a header"
	}
	return text + ", without a header: " + strings.Join(d.Fields, ", ")
}

func (d *profileDescription) describeValues() string {
	text := "taken as they are"
	if d.Trim {
		text = "without the blanks around them"
	}
	if len(d.Empty) > 0 {
		text += "; no value: " + strings.Join(d.Empty, ", ")
	}
	return text
}

func described(table map[string]string) string {
	var list []string
	for word, meaning := range table {
		list = append(list, word+" = "+meaning)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (n *numberDescription) describe(unit string) string {
	text := "decimals after " + strconv.Quote(n.Decimal)
	if n.Group != "" {
		text += ", groups of three between " + strconv.Quote(n.Group)
	}
	if n.Scale > 1 {
		text += fmt.Sprintf(", %d of its units are one %s", n.Scale, unit)
	}
	switch layout.Sign(n.Sign) {
	case layout.Positive:
		text += ", never negative"
	case layout.Absolute:
		text += ", the sign has no meaning"
	case layout.NegativeIsReversal:
		text += ", negative is a reversal"
	case layout.NegativeIsRedeem:
		text += ", a negative issue is a redeem"
	}
	return text
}

func (c *clockDescription) describe() string {
	text := c.Pattern
	if c.Epoch != "" {
		text = c.Epoch + " since 1970-01-01T00:00:00Z"
	}
	if c.Zone != "" {
		text += ", on the clocks of " + c.Zone
	}
	if c.TimeColumn != "" {
		text += ", of the columns " + c.DateColumn + " + " + c.TimeColumn
	}
	return text
}
