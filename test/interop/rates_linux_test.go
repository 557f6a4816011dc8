package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

const (
	rateRounds = 41
	rateCount  = 20_000
	rateSlots  = 32_768 // what is read in one round is there
)

var rateCalls = []string{"publish", "publish-batch", "poll", "poll-batch"}

// TestRates prints what a record costs in each client. On a shared machine only the ratios mean anything: each is
// of two rates of the same round.
func TestRates(t *testing.T) {
	if os.Getenv("TICKRING_RATES") == "" {
		t.Skip("measures: TICKRING_RATES=1")
	}
	drivers := present(t)
	writers, readers := map[string]*client{}, map[string]*client{}
	for _, l := range drivers {
		name := testkit.Name(t)
		w, r := l.start(t), l.start(t)
		w.expect("ok", "create %s TradingData %d", name, rateSlots)
		r.expect("ok", "attach %s TradingData", name)
		writers[l.name], readers[l.name] = w, r
	}
	rates := map[string]map[string][]float64{}
	for _, call := range rateCalls {
		rates[call] = map[string][]float64{}
	}
	for range rateRounds {
		for _, call := range rateCalls {
			for _, l := range drivers {
				c := writers[l.name]
				if strings.HasPrefix(call, "poll") {
					c = readers[l.name]
					c.expect("ok", "reader oldest oldest")
				}
				took := c.number(fmt.Sprintf("rate %s %d", call, rateCount))
				require.NotZero(t, took)
				rates[call][l.name] = append(rates[call][l.name], float64(took)/rateCount)
			}
		}
	}
	t.Log("\n" + rateTable(drivers, rates))
}

// rateTable has the median in nanoseconds a record, and that of the ratios to C++ with their quartiles.
func rateTable(drivers []launcher, rates map[string]map[string][]float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %-12s %10s   %s\n", "", "", "ns/record", "ratio to c++ (quartiles)")
	for _, call := range rateCalls {
		for _, l := range drivers {
			have := rates[call][l.name]
			fmt.Fprintf(&b, "%-14s %-12s %10.2f", call, l.name, quantile(have, 0.5))
			if base := rates[call][cplusplus.name]; len(base) == len(have) {
				ratios := make([]float64, len(have))
				for i := range ratios {
					ratios[i] = have[i] / base[i]
				}
				fmt.Fprintf(&b, "   %.2f (%.2f–%.2f)", quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// quantile q of values, at least one.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1))]
}

func TestRateTable(t *testing.T) {
	rates := map[string]map[string][]float64{}
	for _, call := range rateCalls {
		rates[call] = map[string][]float64{"c++": {1, 2, 4}, "go": {2, 3, 4}}
	}
	table := rateTable([]launcher{golang, cplusplus}, rates)
	require.Contains(t, table, "publish        go                 3.00   1.50 (1.00–1.50)\n")
	require.Contains(t, table, "poll-batch     c++                2.00   1.00 (1.00–1.00)\n")
}
