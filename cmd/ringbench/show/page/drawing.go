package page

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// size is one of those in which every chart is drawn: the style sheet shows the one that fits, so that letters
// have a readable size on a telephone, on a screen and on paper. Lengths are CSS pixels.
type size struct {
	class  string
	width  vg.Length
	height vg.Length // of a chart whose height does not follow from its content
}

var sizes = []size{{"narrow", 390, 300}, {"middle", 560, 340}, {"wide", 1060, 400}}

const (
	letters = 12 // pixels
	margin  = 6
)

// chart draws itself in a size.
type chart func(s size) (p *plot.Plot, height vg.Length)

// draw draws a chart in all sizes. label says for those who do not see it what it is.
func (c chart) draw(label string) (template.HTML, error) {
	var all bytes.Buffer
	for _, s := range sizes {
		p, height := c(s)
		canvas := vgsvg.New(s.width, height)
		p.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
		var one bytes.Buffer
		if _, err := canvas.WriteTo(&one); err != nil {
			return "", fmt.Errorf("draw %s: %w", label, err)
		}
		all.Write(inPage(one.Bytes(), s, height, label))
	}
	return template.HTML(all.String()), nil //nolint:gosec // the library escapes texts, and inPage its label
}

var (
	head   = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	family = regexp.MustCompile(`font-family:[^"]*?font-style:normal;?`)
	colour = regexp.MustCompile(fmt.Sprintf(`(fill|stroke):#%02X%02X([0-9A-F]{2})`, placeholderRed, placeholderGreen))
)

// inPage turns a drawing into an element of a page: with the page's fonts and colours, as wide as there is room, and
// without names of namespaces, which HTML does not need.
func inPage(svg []byte, s size, height vg.Length, label string) []byte {
	svg = head.ReplaceAllLiteral(svg, fmt.Appendf(nil, `<svg class="%s" role="img" aria-label="%s" viewBox="0 0 %.0f %.0f">`,
		s.class, html.EscapeString(label), s.width.Points(), height.Points()))
	svg = family.ReplaceAllLiteral(svg, nil)
	return colour.ReplaceAllFunc(svg, func(m []byte) []byte {
		parts := colour.FindSubmatch(m)
		i, err := strconv.ParseUint(string(parts[2]), 16, 8)
		if err != nil || int(i) >= len(inks) {
			return m
		}
		return fmt.Appendf(nil, "%s:var(--%s)", parts[1], inks[i])
	})
}

// newPlot returns an empty plot in the page's style.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.TextHandler = plot.DefaultTextHandler
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.LineStyle = draw.LineStyle{Color: inkGrid, Width: 1}
		a.Padding = 0
		a.Tick.LineStyle = draw.LineStyle{Color: inkGrid, Width: 1}
		a.Tick.Length = 4
		a.Tick.Label.Font = letter(letters)
		a.Tick.Label.Color = inkMuted
		a.Label.TextStyle.Font = letter(letters)
		a.Label.TextStyle.Color = inkMuted
		a.Label.Padding = 3
	}
	return p
}

// letter is a font whose letters are as wide as those of Arial and Helvetica, which the page asks for.
func letter(pixels vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: pixels}
}

func style(i ink, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color: i, Font: letter(letters), XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler,
	}
}
