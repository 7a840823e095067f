package main

import (
	"fmt"
	"sync"
	"time"
)

// connections measures the memory of a process to which many apps are connected.
func (b *bench) connections() error {
	const apps = 4000
	table := b.table("Memory", fmt.Sprintf("%d apps sign in over plain HTTP, 256 at once, and stay connected. The bridge has `MAX_CONNECTIONS=4608`.", apps),
		"implementation", "peak MiB")
	for _, one := range b.all {
		r, err := one.start(b.folder, conditions{}, "MAX_CONNECTIONS=4608")
		if err != nil {
			return err
		}
		if err := r.connect(apps); err != nil {
			r.stop()
			return err
		}
		table.row(r.name, figure(r.peak()))
		if r.name == bridgeName {
			b.promise(fmt.Sprintf("peak memory, %d idle connections", apps), r.peak(), true, 128, " MiB")
		}
		r.stop()
	}
	return nil
}

// connect has so many callers sign in, who then stay connected until all have.
func (r *running) connect(callers int) error {
	if err := r.forgetPeak(); err != nil {
		return err
	}
	load := r.load()
	places := make(chan struct{}, 256)
	all := make([]*caller, callers)
	var answers []answer
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range all {
		all[i] = load.caller(i)
		defer all[i].hangUp()
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			one := all[i].ask(time.Now())
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, one)
		})
	}
	group.Wait()
	for _, a := range answers {
		if !a.session {
			return fmt.Errorf("%s answered %d", r.name, a.status)
		}
	}
	return nil
}
