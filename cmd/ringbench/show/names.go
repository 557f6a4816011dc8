package show

import (
	"fmt"
	"strings"
)

// attribute is one of the things that tell rows apart.
type attribute struct {
	name string
	text func(r *Result) string
}

var attributes = []attribute{
	{"case", func(r *Result) string { return r.Case }},
	{"transport", func(r *Result) string { return r.Transport }},
	{"process", func(r *Result) string {
		if r.Process == "in-process" {
			return r.Process
		}
		return "" // the usual
	}},
	{"rate", func(r *Result) string { return r.Rate() }},
	{"readers", func(r *Result) string { return Plural(r.Readers, "reader") }},
	{"wait", func(r *Result) string { return r.Wait }},
	{"batch", func(r *Result) string {
		if r.Batch <= 1 {
			return "one by one"
		}
		return fmt.Sprintf("batches of %d", r.Batch)
	}},
	{"distance", func(r *Result) string { return r.Distance }},
}

// Rate is the rate that was asked for; empty if it was not steady.
func (r *Result) Rate() string {
	switch {
	case r.RateHz != nil:
		return SI(*r.RateHz) + "/s"
	case r.Speed() || r.Cost != nil:
		return "as fast as possible"
	}
	return ""
}

// Name tells the row apart from all others that a run can have.
func (r *Result) Name() string {
	var parts []string
	for _, a := range attributes {
		if s := a.text(r); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// Labels names each of several rows by what differs between them, and by its transport at least.
func Labels(rows []*Result) []string {
	labels := make([][]string, len(rows))
	for _, a := range attributes {
		differs := a.name == "transport"
		for _, r := range rows {
			differs = differs || a.text(r) != a.text(rows[0])
		}
		if !differs {
			continue
		}
		for i, r := range rows {
			if s := a.text(r); s != "" {
				labels[i] = append(labels[i], s)
			}
		}
	}
	joined := make([]string, len(rows))
	for i, l := range labels {
		joined[i] = strings.Join(l, ", ")
	}
	return joined
}

// Key is what rows of two reports are matched by: all that [Result.Name] tells, exactly.
type Key struct {
	Case      string  `json:"case"`
	Transport string  `json:"transport"`
	Process   string  `json:"process"`
	RateHz    float64 `json:"rate_hz"` // 0: none was asked for
	Readers   int     `json:"readers"`
	Wait      string  `json:"wait"`
	Batch     int     `json:"batch"`
	Distance  string  `json:"distance"`
}

// Key returns what the row is matched by.
func (r *Result) Key() Key {
	k := Key{r.Case, r.Transport, r.Process, 0, r.Readers, r.Wait, r.Batch, r.Distance}
	if r.RateHz != nil {
		k.RateHz = *r.RateHz
	}
	return k
}
