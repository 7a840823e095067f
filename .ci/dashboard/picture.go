package main

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed page.html
var page embed.FS

// The picture: 24 columns, as Grafana has them, and the height of a row.
const (
	width     = 1440
	rowHeight = 27
)

// shoot writes the panels as a page and lets Chromium take its picture.
func shoot(ctx context.Context, folder string, panels []panel, out string) error {
	html := filepath.Join(folder, "dashboard.html")
	file, err := os.Create(html)
	if err != nil {
		return err
	}
	view := template.New("page.html").Funcs(template.FuncMap{"chart": chart, "last": last, "colour": colour,
		"from": func(line int) int { return line + 1 }})
	if view, err = view.ParseFS(page, "page.html"); err != nil {
		return err
	}
	if err := view.Execute(file, panels); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	height := 0
	for _, p := range panels {
		height = max(height, (p.GridPos.Y+p.GridPos.H)*rowHeight)
	}
	absolute, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
		"--user-data-dir="+filepath.Join(folder, "chromium"), "--screenshot="+absolute,
		fmt.Sprintf("--window-size=%d,%d", width, height+62), "file://"+html)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("chromium: %w\n%s", err, text)
	}
	fmt.Println("wrote", out)
	return nil
}

var palette = []string{"#4048d8", "#d9822b", "#0b8f6a", "#b3246c", "#7440c4", "#5a6172", "#0c8ec2", "#ab1f33", "#8a7a00", "#3f7f3f"}

func colour(i int) string { return palette[i%len(palette)] }

// The drawing of a chart, in units of its SVG.
const (
	chartWidth, chartHeight = 450.0, 150.0
	left, bottom, top       = 52.0, 18.0, 6.0
)

// chart draws the lines of a panel, one upon the other if they are stacked.
func chart(p panel) template.HTML {
	lines, floors := levels(p)
	most := ceiling(p, lines)
	x := func(i int) float64 {
		return left + (chartWidth-left-6)*float64(i)/math.Max(1, float64(len(lines[0])-1))
	}
	y := func(v float64) float64 { return top + (chartHeight-top-bottom)*(1-math.Min(v, most)/most) }

	var svg strings.Builder
	for i := range 5 {
		v := most * float64(i) / 4
		fmt.Fprintf(&svg, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" class="grid"/><text x="%g" y="%.1f" class="y">%s</text>`,
			left, chartWidth-6, y(v), y(v), left-6, y(v)+4, inUnit(v, p.FieldConfig.Defaults.Unit))
	}
	for i := range 6 {
		at := p.Start.Add(p.End.Sub(p.Start) / 5 * time.Duration(i))
		fmt.Fprintf(&svg, `<text x="%.1f" y="%g" class="x">%s</text>`, left+(chartWidth-left-30)*float64(i)/5, chartHeight-4, at.Format("15:04:05"))
	}
	for n := len(lines) - 1; n >= 0; n-- { // the lowest of a stack is drawn last
		for _, run := range runs(lines[n]) {
			var edge, floor []string
			for i := run[0]; i < run[1]; i++ {
				edge = append(edge, fmt.Sprintf("%.1f,%.1f", x(i), y(lines[n][i])))
				floor = append([]string{fmt.Sprintf("%.1f,%.1f", x(i), y(floors[n][i]))}, floor...)
			}
			if p.FieldConfig.Defaults.Custom.Stacking.Mode == "normal" {
				fmt.Fprintf(&svg, `<polygon points="%s" fill="%s" fill-opacity=".35"/>`, strings.Join(append(edge, floor...), " "), colour(n))
			}
			fmt.Fprintf(&svg, `<polyline points="%s" stroke="%s"/>`, strings.Join(edge, " "), colour(n))
		}
	}
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %g %g">%s</svg>`, chartWidth, chartHeight, svg.String()))
}

// levels are the lines to draw, and what each stands on.
func levels(p panel) (lines, floors [][]float64) {
	points := int(p.End.Sub(p.Start)/step) + 1
	below := make([]float64, points)
	for _, s := range p.Series {
		line, floor := make([]float64, points), make([]float64, points)
		for i, v := range s.Values {
			line[i] = v
			if p.FieldConfig.Defaults.Custom.Stacking.Mode == "normal" && !math.IsNaN(v) {
				floor[i] = below[i]
				below[i] += v
				line[i] = below[i]
			}
		}
		lines, floors = append(lines, line), append(floors, floor)
	}
	if len(lines) == 0 {
		return [][]float64{make([]float64, 0, points)}, [][]float64{nil}
	}
	return lines, floors
}

// ceiling is the top of the axis: the panel's own, or a round number that nothing exceeds.
func ceiling(p panel, lines [][]float64) float64 {
	if p.FieldConfig.Defaults.Max != nil {
		return *p.FieldConfig.Defaults.Max
	}
	most := 0.0
	for _, line := range lines {
		for _, v := range line {
			if v > most {
				most = v
			}
		}
	}
	if most == 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, round := range []float64{1, 2, 4, 8} {
		if most <= round*power {
			return round * power
		}
	}
	return 10 * power
}

// runs are the parts of a line without a gap, from and to.
func runs(line []float64) (all [][2]int) {
	from := -1
	for i := 0; i <= len(line); i++ {
		gap := i == len(line) || math.IsNaN(line[i])
		switch {
		case !gap && from < 0:
			from = i
		case gap && from >= 0:
			all = append(all, [2]int{from, i})
			from = -1
		}
	}
	return all
}

// last is what a panel of one number shows.
func last(p panel) string {
	for _, s := range p.Series {
		for i := len(s.Values) - 1; i >= 0; i-- {
			if !math.IsNaN(s.Values[i]) {
				return inUnit(s.Values[i], p.FieldConfig.Defaults.Unit)
			}
		}
	}
	return "no data"
}

func inUnit(v float64, unit string) string {
	short := func(v float64) string { return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".") }
	switch {
	case unit == "s" && v < 1:
		return short(v*1000) + " ms"
	case unit == "s":
		return short(v) + " s"
	case unit == "percentunit":
		return fmt.Sprintf("%.0f %%", v*100)
	case unit == "reqps":
		return short(v) + "/s"
	}
	return short(v)
}
