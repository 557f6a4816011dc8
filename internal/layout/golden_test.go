package layout

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden are the headers in testdata/layout, which the clients in other languages read too. A change
// of any of them is a change of the layout: it needs another layout version.
var golden = map[string]func(t testing.TB) Geometry{
	"tradingdata_64":           func(t testing.TB) Geometry { return geometry(t, trade, 64) },
	"tradingdata_64_doorbell":  func(t testing.TB) Geometry { return geometry(t, trade, 64, withDoorbell) },
	"tradingdata_1m_fallback":  func(t testing.TB) Geometry { return geometry(t, trade, 1<<20, withFallback) },
	"book_16":                  func(t testing.TB) Geometry { return geometry(t, book, 16, withDoorbell, withFallback) },
	"tradingdata_1m_hugetlbfs": func(t testing.TB) Geometry { return geometry(t, trade, 1<<20).InFile(ringFile) },
	"book_16_hugetlbfs":        func(t testing.TB) Geometry { return geometry(t, book, 16, withDoorbell).InFile(ringFile) },
}

func TestGolden(t *testing.T) {
	for name, make := range golden {
		t.Run(name, func(t *testing.T) {
			g := make(t)
			path := filepath.Join("..", "..", "testdata", "layout", name+".golden")
			encoded := Encode(g)
			if *update {
				require.NoError(t, os.WriteFile(path, encoded, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			if !assert.Len(t, encoded, len(want)) {
				return
			}
			for i := range want {
				require.Equalf(t, want[i], encoded[i], "byte %d of %s", i, path)
			}
			got, err := decode(g, want)
			require.NoError(t, err)
			assert.Equal(t, g, got)
		})
	}
}

// What the programs from before the ring find at the start of a new segment: a record that is not valid.
func TestGoldenBeginsWithARecordThatIsNotValid(t *testing.T) {
	for name, make := range golden {
		assert.Equal(t, [IdentityOffset]byte{}, [IdentityOffset]byte(Encode(make(t))), name)
	}
}

func TestEveryGoldenFileIsTested(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "layout", "*.golden"))
	require.NoError(t, err)
	assert.Len(t, files, len(golden))
	for _, f := range files {
		assert.Contains(t, golden, f[len(filepath.Join("..", "..", "testdata", "layout"))+1:len(f)-len(".golden")])
	}
}
