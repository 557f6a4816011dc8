package interop

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// layoutConstant is a constant of internal/layout.
type layoutConstant struct {
	name  string // in snake_case
	value uint64
	file  string
}

// layoutConstants are the numbers of internal/layout by their names in Go, those that it does not export
// included.
var layoutConstants = sync.OnceValues(func() (map[string]layoutConstant, error) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "internal", "layout", "*.go"))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	// Constants depend on nothing that is imported, so what is not found there does not matter.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("layout", fset, files, nil)
	found := map[string]layoutConstant{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok {
			continue
		}
		value, exact := constant.Uint64Val(constant.ToInt(c.Val()))
		if !exact {
			return nil, fmt.Errorf("%s is not a number", name)
		}
		found[name] = layoutConstant{snake(name), value, filepath.Base(fset.Position(c.Pos()).Filename)}
	}
	return found, nil
})

// snake turns "PIDOffset" into "pid_offset".
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		begins := i > 0 && unicode.IsUpper(c) && !unicode.IsUpper(runes[i-1])
		endsAcronym := i > 0 && unicode.IsUpper(c) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if begins || endsAcronym {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// language says how a language writes a constant: name and number, in lines of their own.
type language struct {
	file string
	line *regexp.Regexp
}

var languages = map[string]language{
	"c++": {
		"clients/cpp/include/tickring/layout.hpp",
		regexp.MustCompile(`(?m)^\s*inline constexpr [\w:]+ (\w+) = ([^;]+);`),
	},
	"python": {
		"clients/python/src/tickring/_layout.py",
		regexp.MustCompile(`(?m)^([A-Z]\w*)(?:: [\w.\[\]]+)? = ([^#\n]+?)\s*(?:#.*)?$`),
	},
}

// digits are what C++ writes otherwise than Go.
var digits = strings.NewReplacer("'", "_")
var suffix = regexp.MustCompile(`\b(0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)[uUlL]+\b`)

// constantsIn finds the integer constants of a source, by their names in lower case.
func (l language) constantsIn(source string) map[string]uint64 {
	found := map[string]uint64{}
	for _, m := range l.line.FindAllStringSubmatch(source, -1) {
		expression := suffix.ReplaceAllString(digits.Replace(m[2]), "$1")
		v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expression)
		if err != nil || v.Value == nil || v.Value.Kind() != constant.Int {
			continue // no number; if it should be one, it is missed below
		}
		if n, exact := constant.Uint64Val(v.Value); exact {
			found[strings.ToLower(m[1])] = n
		}
	}
	return found
}

// differences says what is missing, different, or unknown in a client's constants: it must have those of
// offsets.go, may have the others of the package, and nothing else.
func differences(want map[string]layoutConstant, have map[string]uint64) (found []string) {
	unknown := maps.Clone(have)
	for _, c := range want {
		value, ok := have[c.name]
		delete(unknown, c.name)
		switch {
		case !ok && c.file == "offsets.go":
			found = append(found, fmt.Sprintf("%s = %d is missing", c.name, c.value))
		case ok && value != c.value:
			found = append(found, fmt.Sprintf("%s is %d, in internal/layout %d", c.name, value, c.value))
		}
	}
	for name, value := range unknown {
		found = append(found, fmt.Sprintf("%s = %d is no constant of internal/layout", name, value))
	}
	return found
}

// The clients have the same numbers as internal/layout, each of them, and no others.
func TestConstants(t *testing.T) {
	want, err := layoutConstants()
	require.NoError(t, err)
	for name, l := range languages {
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join(testkit.ModuleRoot(t), l.file))
			if errors.Is(err, fs.ErrNotExist) {
				testkit.Require(t, name, err.Error())
			}
			require.NoError(t, err)
			assert.Empty(t, differences(want, l.constantsIn(string(source))))
		})
	}
}

// The constants that the comparison stands on, by hand.
func TestConstantsOfLayout(t *testing.T) {
	all, err := layoutConstants()
	require.NoError(t, err)
	for name, want := range map[string]layoutConstant{
		"HeadOffset":     {"head_offset", 256, "offsets.go"},
		"PIDOffset":      {"pid_offset", 400, "offsets.go"},
		"checksumOffset": {"checksum_offset", 184, "offsets.go"},
		"Magic":          {"magic", 0x474e_4952_4b43_4954, "offsets.go"},
		"MaxSlots":       {"max_slots", 1 << 40, "offsets.go"},
		"StateClosed":    {"state_closed", 2, "offsets.go"},
		"BackingObject":  {"backing_object", 0, "offsets.go"},
		"byteOrderMark":  {"byte_order_mark", 0x0a0b_0c0d, "offsets.go"},
		"flagDoorbell":   {"flag_doorbell", 1, "identity.go"},
		"Float64":        {"float64", 11, "schema.go"},
	} {
		assert.Equal(t, want, all[name], name)
	}
}

func TestConstantsAreCompared(t *testing.T) {
	want := map[string]layoutConstant{
		"HeadOffset": {"head_offset", 256, "offsets.go"},
		"Magic":      {"magic", 0x474e_4952_4b43_4954, "offsets.go"},
		"MaxSlots":   {"max_slots", 1 << 40, "offsets.go"},
		"Float64":    {"float64", 11, "schema.go"},
	}
	const whole = `
namespace tickring {
inline constexpr std::uint64_t head_offset = 256; // u64
  inline constexpr std::uint64_t magic = 0x474e'4952'4b43'4954ULL;
inline constexpr std::size_t max_slots = 1ull << 40;
} // namespace tickring

import struct

HEAD_OFFSET = 256  # u64
MAGIC: Final = 0x474E_4952_4B43_4954
MAX_SLOTS: Final[int] = 1 << 40
WORD = struct.Struct("<Q")
`
	for name, tc := range map[string]struct {
		before, after, want string // in either language; an empty want is no difference
	}{
		"the same":             {"", "", ""},
		"other digits":         {"256", "0x100", ""},
		"missing":              {"max_slots", "// #", "max_slots = 1099511627776 is missing"},
		"different":            {"256", "264", "head_offset is 264, in internal/layout 256"},
		"no number":            {"256", "other", "head_offset = 256 is missing"},
		"one more":             {"\n}", "\ninline constexpr int float64 = 11;\nFLOAT64 = 11\n}", ""},
		"one more, different":  {"\n}", "\ninline constexpr int float64 = 10;\nFLOAT64 = 10\n}", "float64 is 10, in internal/layout 11"},
		"one that is not ours": {"\n}", "\ninline constexpr int tail = 8;\nTAIL = 8\n}", "tail = 8 is no constant of internal/layout"},
	} {
		for language, l := range languages {
			t.Run(name+", "+language, func(t *testing.T) {
				// Each language's expression finds nothing in the other's lines.
				source := strings.ReplaceAll(whole, tc.before, tc.after)
				source = strings.ReplaceAll(source, strings.ToUpper(tc.before), tc.after)
				found := differences(want, l.constantsIn(source))
				if tc.want == "" {
					assert.Empty(t, found)
				} else {
					assert.Equal(t, []string{tc.want}, found)
				}
			})
		}
	}
}
