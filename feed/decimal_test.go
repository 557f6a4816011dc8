package feed

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseVolume(t *testing.T) {
	long := strings.Repeat("1", maxDecimal+1)
	for _, tc := range []struct {
		quantity string
		scale    int64
		want     int32
		err      error
		needed   int64
	}{
		{quantity: "4", scale: 1, want: 4},
		{quantity: "4.000", scale: 1, want: 4},
		{quantity: "0004.0", scale: 1, want: 4},
		{quantity: "0.004", scale: 1000, want: 4},
		{quantity: "0.25", scale: 4, want: 1},
		{quantity: "1.1", scale: 10, want: 11}, // 1.1*10 is 11.000000000000002 in floats
		{quantity: "0.29", scale: 100, want: 29},
		{quantity: "2147483647", scale: 1, want: math.MaxInt32},
		{quantity: "2147483.647", scale: 1000, want: math.MaxInt32},

		{quantity: "0.004", scale: 1, err: ErrInexact, needed: 1000},
		{quantity: "0.0041", scale: 1000, err: ErrInexact, needed: 10_000},
		{quantity: "12345.67890123", scale: 1, err: ErrInexact},        // exact only as 1234567890123
		{quantity: "0.0000000000000000001", scale: 1, err: ErrInexact}, // 10^19 is no int64
		{quantity: "2147483648", scale: 1, err: ErrOverflow},
		{quantity: "2147483.648", scale: 1000, err: ErrOverflow},
		{quantity: "1", scale: math.MaxInt64, err: ErrOverflow},
		{quantity: long[:maxDecimal], scale: 1, err: ErrOverflow},
		{quantity: "3000000000.5", scale: 1, err: ErrOverflow},

		{quantity: "0", scale: 1, err: ErrQuantity},
		{quantity: "0.000", scale: 1000, err: ErrQuantity},
		{quantity: "", scale: 1, err: ErrQuantity},
		{quantity: ".", scale: 1, err: ErrQuantity},
		{quantity: ".5", scale: 10, err: ErrQuantity},
		{quantity: "5.", scale: 1, err: ErrQuantity},
		{quantity: "-1", scale: 1, err: ErrQuantity},
		{quantity: "+1", scale: 1, err: ErrQuantity},
		{quantity: "1e3", scale: 1, err: ErrQuantity},
		{quantity: "1.2.3", scale: 1000, err: ErrQuantity},
		{quantity: " 1", scale: 1, err: ErrQuantity},
		{quantity: "0x10", scale: 1, err: ErrQuantity},
		{quantity: "NaN", scale: 1, err: ErrQuantity},
		{quantity: "١", scale: 1, err: ErrQuantity},
		{quantity: long, scale: 1, err: ErrQuantity},
	} {
		t.Run(fmt.Sprintf("%q at %d", tc.quantity, tc.scale), func(t *testing.T) {
			got, err := parseVolume(tc.quantity, tc.scale)
			assert.Equal(t, tc.want, got)
			if tc.err == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.err)
			typed, _ := errors.AsType[*QuantityError](err)
			assert.Equal(t, &QuantityError{Quantity: tc.quantity, Scale: tc.scale, Needed: tc.needed, Err: tc.err}, typed)
		})
	}
}

func TestQuantityErrorTeaches(t *testing.T) {
	for _, tc := range []struct {
		quantity string
		scale    int64
		want     string
	}{
		{"0.004", 1, `quantity "0.004" at volume scale 1: not a whole number of volume units: ` +
			`use --volume-scale 1000 (Options.VolumeScale) to count in units of 1/1000`},
		{"12345.67890123", 1, "no --volume-scale makes it one of at most 2147483647"},
		{"3000000000", 1, "exceeds the int32 volume, at most 2147483647"},
		{"3000000", 1000, "use a smaller --volume-scale"},
		{"x", 1, `quantity "x" at volume scale 1: not a positive decimal number`},
	} {
		_, err := parseVolume(tc.quantity, tc.scale)
		assert.ErrorContains(t, err, tc.want)
	}
}

// Random quantities agree with rational arithmetic.
func TestParseVolumeAgainstRationals(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	exact := 0
	for range 20_000 {
		quantity := fmt.Sprintf("%d.%0*d", random.IntN(3000), 1+random.IntN(4), random.IntN(10))
		scale := []int64{1, 10, 1000, 1_000_000}[random.IntN(4)]

		q, _ := new(big.Rat).SetString(quantity)
		want := q.Mul(q, new(big.Rat).SetInt64(scale))
		got, err := parseVolume(quantity, scale)
		if err != nil {
			assert.True(t, !want.IsInt() || want.Sign() == 0 || want.Num().Cmp(big.NewInt(math.MaxInt32)) > 0, "%s at %d: %v", quantity, scale, err)
			continue
		}
		exact++
		assert.Zero(t, want.Cmp(new(big.Rat).SetInt64(int64(got))), "%s at %d gave %d", quantity, scale, got)
	}
	assert.Greater(t, exact, 5_000)
}

func TestParsePrice(t *testing.T) {
	for s, want := range map[string]float64{"61804.8": 61804.8, "0.00000001": 1e-8, "1": 1, "007.50": 7.5} {
		got, err := parsePrice(s)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, s := range []string{"", "0", "0.00", "-1", "+1", "NaN", "nan", "inf", "Inf", "-Infinity", "1e5", "0x1p4", "1_0", "1,5", " 1", "1 "} {
		_, err := parsePrice(s)
		assert.ErrorContains(t, err, "is not a positive decimal number", "%q", s)
	}
}
