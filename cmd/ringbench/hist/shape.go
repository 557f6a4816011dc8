package hist

import (
	"math"
	"strings"
)

// ShapeWidth is how many columns [Times.Shape] has.
const ShapeWidth = 48

// Shape draws how often which time was, from the shortest to the longest, both scales logarithmic. It is empty without
// samples.
func (t *Times) Shape() string {
	if t.Count() == 0 {
		return ""
	}
	low, high := math.Log(float64(max(1, t.min))), math.Log(float64(max(2, t.max)))
	var columns [ShapeWidth]int64
	most := int64(0)
	for _, bar := range t.histogram.Distribution() {
		at := (math.Log(float64(max(1, bar.From))) - low) / max(high-low, 1e-9)
		column := min(max(0, int(at*ShapeWidth)), ShapeWidth-1)
		columns[column] += bar.Count
		most = max(most, columns[column])
	}
	var s strings.Builder
	levels := []rune("▁▂▃▄▅▆▇█")
	for _, n := range columns {
		if n == 0 {
			s.WriteByte(' ')
			continue
		}
		level := math.Log1p(float64(n)) / math.Log1p(float64(most)) * float64(len(levels)-1)
		s.WriteRune(levels[int(math.Round(level))])
	}
	return s.String()
}
