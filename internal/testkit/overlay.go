package testkit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Edit is a change of a file of the module: each old text, which must be there once, becomes the new one.
type Edit struct {
	File    string   // below the module's root
	Changes []string // old, new, old, new, …
}

// OverlayEdits is [Overlay] for files of the module with some edits.
func OverlayEdits(t testing.TB, edits ...Edit) string {
	t.Helper()
	files := map[string]string{}
	for _, e := range edits {
		source, err := os.ReadFile(filepath.Join(ModuleRoot(t), e.File))
		if err != nil {
			t.Fatal(err)
		}
		text := string(source)
		for i := 0; i < len(e.Changes); i += 2 {
			if n := strings.Count(text, e.Changes[i]); n != 1 {
				t.Fatalf("%s has %d times, not once: %q", e.File, n, e.Changes[i])
			}
			text = strings.Replace(text, e.Changes[i], e.Changes[i+1], 1)
		}
		files[e.File] = text
	}
	return Overlay(t, files)
}

// Overlay is what go build takes as -overlay: files of the module with another text than they have, or that it has
// not. The tree is not touched.
func Overlay(t testing.TB, files map[string]string) string {
	t.Helper()
	root, dir := ModuleRoot(t), t.TempDir()
	replace := map[string]string{}
	for file, text := range files {
		to := filepath.Join(dir, strconv.Itoa(len(replace))+"-"+filepath.Base(file))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, file)] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
