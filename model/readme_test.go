package model

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables into README.md")

// readme checks that README.md has a table, between its name and "end" in comments, or writes it there.
func readme(t *testing.T, name, table string) {
	t.Helper()
	from, to := "<!-- "+name+" -->\n", "<!-- end -->\n"
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), from)
	_, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("README.md has no place for the table of %s", name)
	}
	want := before + from + table + to + after
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("README.md is out of date: go test ./model -run 'Shipped|Readme' -update")
	}
}
