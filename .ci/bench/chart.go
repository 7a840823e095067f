package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// panel is one of the chart's: a bar for each implementation.
type panel struct {
	title string
	bars  []bar
}

type bar struct {
	name  string
	value float64
}

// draw notes what the chart shows of a load.
func (b *bench) draw(kind string, callers int, m measured) {
	if callers != 256 {
		return
	}
	add := func(title string, value func(string) float64) {
		p := panel{title: title}
		for _, one := range b.all {
			p.bars = append(p.bars, bar{one.name, value(one.name)})
		}
		b.panels = append(b.panels, p)
	}
	switch kind {
	case "plain":
		add("Sessions a second on one core (more is better)", func(name string) float64 { return m.of(name, round.rate) })
		add("CPU time of a session, µs (less is better)", func(name string) float64 { return m.of(name, round.cpuEach) })
		add("Peak memory, MiB (less is better)", func(name string) float64 { return slices.Max(values(m[name], peakOf)) })
	case "delayed":
		add("Time beyond the vendors' own, p99, ms (less is better)", func(name string) float64 { return m.of(name, overheadP99) })
	}
}

// Measures of the chart, in the units of SVG.
const (
	panelWidth, barHeight, nameWidth, valueWidth = 420, 20, 130, 55
	margin                                       = 16
)

// picture draws the panels as SVG, two in a row, in colours that suit light and dark pages.
func picture(panels []panel) string {
	var drawing strings.Builder
	height := margin
	for i, p := range panels {
		x, tall := margin+i%2*(panelWidth+2*margin), (len(p.bars)+2)*barHeight
		drawing.WriteString(p.at(x, height))
		if i%2 == 1 || i == len(panels)-1 {
			height += tall
		}
	}
	width := 2*panelWidth + 4*margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="What make bench measured">
<style>
text { fill: #1f2328 } .bar { fill: #8c959f } .ours { fill: #0969da } .title { font-weight: 600 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #4493f8 } }
</style>
%s</svg>
`, width, height, drawing.String())
}

// at draws the panel with its upper left corner there.
func (p panel) at(x, y int) string {
	var longest float64
	for _, b := range p.bars {
		longest = math.Max(longest, b.value)
	}
	var drawing strings.Builder
	fmt.Fprintf(&drawing, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", x, y+14, escape(p.title))
	for i, b := range p.bars {
		class, top := "bar", y+(i+1)*barHeight+4
		if b.name == bridgeName {
			class = "bar ours"
		}
		length := 1.0
		if longest > 0 {
			length = max(1, b.value/longest*(panelWidth-nameWidth-valueWidth))
		}
		fmt.Fprintf(&drawing, "<text x=\"%d\" y=\"%d\">%s</text><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\"/><text x=\"%.0f\" y=\"%d\">%s</text>\n",
			x, top+14, escape(b.name), class, x+nameWidth, top+2, length, barHeight-5, float64(x+nameWidth)+length+6, top+14, figure(b.value))
	}
	return drawing.String()
}

func escape(text string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a strings.Builder takes all
	return escaped.String()
}
