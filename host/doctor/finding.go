package doctor

import (
	"fmt"
	"strings"
)

// Status is how something is.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warn    Status = "warn"    // latency may be worse for it, or a feature is not to be had
	Bad     Status = "bad"     // latency is worse for it, or a ring cannot be made
	Unknown Status = "unknown" // the host does not tell
)

// Finding is one thing about a host. Its keys and IDs are a contract; the texts are for people.
type Finding struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
	Found  string `json:"found"`
	Why    string `json:"why"` // it matters
	Fix    string `json:"fix"` // commands, or empty where there is nothing to do
}

// Counts is how many findings there are of each status.
type Counts struct {
	OK      int `json:"ok"`
	Warn    int `json:"warn"`
	Bad     int `json:"bad"`
	Unknown int `json:"unknown"`
}

// Count counts findings.
func Count(findings []Finding) (c Counts) {
	for _, f := range findings {
		switch f.Status {
		case OK:
			c.OK++
		case Warn:
			c.Warn++
		case Bad:
			c.Bad++
		case Unknown:
			c.Unknown++
		}
	}
	return c
}

func (c Counts) String() string {
	return fmt.Sprintf("%d ok, %d warn, %d bad, %d unknown", c.OK, c.Warn, c.Bad, c.Unknown)
}

// Short says in a line how many findings there are of each status, and in a second one, if there are any, which
// are bad and which are warnings: to stand above a result that was measured on this host.
func Short(findings []Finding) string {
	var named []string
	for _, status := range []Status{Bad, Warn} {
		var ids []string
		for _, f := range findings {
			if f.Status == status {
				ids = append(ids, f.ID)
			}
		}
		if len(ids) > 0 {
			named = append(named, string(status)+": "+strings.Join(ids, ", "))
		}
	}
	text := "host: " + Count(findings).String()
	if len(named) > 0 {
		text += "; ringctl doctor says what helps\n" + strings.Join(named, "; ")
	}
	return text
}
