package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// profile writes a CPU profile of the bridge under load to the file, for the compiler
// (go.dev/doc/pgo): as cmd/native-bridge/default.pgo, the next build goes by it.
func (b *bench) profile(file string) error {
	bridge, err := b.bridge().start(b.folder, conditions{}, "METRICS_PPROF=on")
	if err != nil {
		return err
	}
	defer bridge.stop()
	taken := make(chan error, 1)
	go func() { taken <- download("http://"+bridge.metrics+"/debug/pprof/profile?seconds=20", file) }()
	_, err = bridge.measure(32, 0, 20*time.Second)
	return errors.Join(err, <-taken)
}

func download(url, file string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}
