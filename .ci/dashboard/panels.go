package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// panel is one of the dashboard's, and what Prometheus says for it.
type panel struct {
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit   string
			Max    *float64
			Custom struct{ Stacking struct{ Mode string } }
		}
	}
	Targets []struct{ Expr, LegendFormat string }

	Start, End time.Time `json:"-"`
	Series     []series  `json:"-"`
}

// series is a line of a panel: its values, one for each step from the panel's start. NaN
// is a gap.
type series struct {
	Name   string
	Values []float64
}

func readDashboard(file string) ([]panel, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var dashboard struct{ Panels []panel }
	return dashboard.Panels, json.Unmarshal(text, &dashboard)
}

// step is the distance of two points.
const step = 2 * time.Second

// asGrafana puts values in the place of the dashboard's variables.
var asGrafana = strings.NewReplacer("$__rate_interval", "16s", "$job", ".+")

// fill asks for the panel's series.
func (p prometheus) fill(ctx context.Context, panel *panel, start, end time.Time) error {
	panel.Start, panel.End = start, end
	for _, target := range panel.Targets {
		query := url.Values{
			"query": {asGrafana.Replace(target.Expr)}, "step": {fmt.Sprint(step.Seconds())},
			"start": {fmt.Sprint(start.Unix())}, "end": {fmt.Sprint(end.Unix())},
		}
		found, err := p.ask(ctx, query)
		if err != nil {
			return fmt.Errorf("%s: %w", panel.Title, err)
		}
		for _, f := range found {
			points := int(end.Sub(start)/step) + 1
			panel.Series = append(panel.Series, series{legend(target.LegendFormat, f.Metric), f.values(start, points)})
		}
	}
	return nil
}

// result is a series as the HTTP API of Prometheus writes it.
type result struct {
	Metric map[string]string
	Values [][2]any // Unix time, and the value as text
}

func (p prometheus) ask(ctx context.Context, query url.Values) ([]result, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(p)+"/api/v1/query_range?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []result }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", query.Get("query"), answer.Error)
	}
	return answer.Data.Result, nil
}

func (r result) values(start time.Time, points int) []float64 {
	values := make([]float64, points)
	for i := range values {
		values[i] = math.NaN()
	}
	for _, point := range r.Values {
		at, _ := point[0].(float64)
		text, _ := point[1].(string)
		i := int(math.Round((at - float64(start.Unix())) / step.Seconds()))
		if value, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(value, 0) && i >= 0 && i < points {
			values[i] = value
		}
	}
	return values
}

var placeholder = regexp.MustCompile(`{{(\w+)}}`)

// legend fills Grafana's format with the labels of a series.
func legend(format string, labels map[string]string) string {
	return placeholder.ReplaceAllStringFunc(format, func(name string) string { return labels[name[2:len(name)-2]] })
}
