package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// BridgeKey is a key of the bridge, all of whose keys are in one slot of a cluster.
const BridgeKey = "native-bridge:{replay}:memory"

// slots is how many Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters with a replica each. It is not safe for concurrent
// use, but its servers may be asked beside.
type Cluster struct {
	Nodes []*Server // the masters, then their replicas in the same order, as they were at the start
}

// StartCluster starts a cluster of that many masters, and returns once all of its servers
// call it whole. If there are three at least, a master that is gone for longer than
// nodeTimeout has a successor soon after; a machine that is busy for as long takes one for
// gone that is not.
func StartCluster(ctx context.Context, masters int, nodeTimeout time.Duration) (*Cluster, error) {
	c := &Cluster{}
	for range 2 * masters {
		node, err := Start(Options{Config: fmt.Sprintf("cluster-enabled yes\ncluster-node-timeout %d\nrepl-diskless-sync-delay 0", nodeTimeout.Milliseconds())})
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.Nodes = append(c.Nodes, node)
	}
	if err := c.join(ctx, masters); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// join gives the masters all slots, has the servers meet, and the rest follow the masters.
func (c *Cluster) join(ctx context.Context, masters int) error {
	for i, node := range c.Nodes {
		if _, err := node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
		if i < masters {
			if _, err := node.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1); err != nil {
				return err
			}
		}
		// Each meets each, because what they tell of each other takes seconds to go round.
		host, port, _ := net.SplitHostPort(node.addr)
		for _, other := range c.Nodes[:i] {
			if _, err := other.Do(ctx, "CLUSTER", "MEET", host, port, node.busPort); err != nil {
				return err
			}
		}
	}
	met := func(node *Server) bool {
		return node.says(ctx, fmt.Sprintf("cluster_known_nodes:%d\r\n", len(c.Nodes)), "CLUSTER", "INFO")
	}
	if err := c.until(ctx, "all servers have met", met); err != nil {
		return err
	}
	for i, replica := range c.Nodes[masters:] {
		// It learns by gossip that the other is a master.
		id := c.Nodes[i].ID(ctx)
		follows := func(*Server) bool {
			_, err := replica.Do(ctx, "CLUSTER", "REPLICATE", id)
			return err == nil
		}
		if err := c.until(ctx, "a server follows its master", follows); err != nil {
			return err
		}
	}
	return c.Whole(ctx)
}

// Whole waits until every server that runs says that all slots are served, and every
// replica has what its master has.
func (c *Cluster) Whole(ctx context.Context) error {
	return c.until(ctx, "the cluster is whole", func(node *Server) bool {
		return !node.Runs() || node.says(ctx, "cluster_state:ok", "CLUSTER", "INFO") &&
			(node.says(ctx, "role:master", "INFO", "replication") || node.says(ctx, "master_link_status:up", "INFO", "replication"))
	})
}

// until waits for something of every server, until ctx ends.
func (c *Cluster) until(ctx context.Context, what string, holds func(*Server) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, node := range c.Nodes {
		for !holds(node) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("waited in vain until %s: %w", what, context.Cause(ctx))
			case <-tick.C:
			}
		}
	}
	return nil
}

// URL returns the redis+cluster:// URL of the bridge's setting, with all servers.
func (c *Cluster) URL() string {
	url := "redis+cluster://" + c.Nodes[0].addr
	for i, node := range c.Nodes[1:] {
		url += map[bool]string{true: "?", false: "&"}[i == 0] + "addr=" + node.addr
	}
	return url
}

// Holders returns who holds a key's slot and who follows that server, or false if the
// servers that run do not agree, as during a failover. Follower is nil if nobody follows.
func (c *Cluster) Holders(ctx context.Context, key string) (master, follower *Server, agreed bool) {
	for _, node := range c.Nodes {
		if !node.Runs() {
			continue
		}
		slot, err := node.client.ClusterKeySlot(ctx, key).Result()
		if err != nil {
			return nil, nil, false
		}
		says := c.holder(ctx, node, slot)
		if says == nil || master != nil && master != says {
			return nil, nil, false
		}
		master = says
	}
	for _, node := range c.Nodes {
		_, port, _ := net.SplitHostPort(master.addr)
		if node.Runs() && node != master && node.says(ctx, "role:slave", "INFO", "replication") && node.says(ctx, "master_port:"+port+"\r\n", "INFO", "replication") {
			follower = node
		}
	}
	return master, follower, true
}

// holder returns who holds a slot, as a server says. Each range of slots is its first and
// last, its master, and those who follow it.
func (c *Cluster) holder(ctx context.Context, asked *Server, slot int64) *Server {
	ranges, err := asked.Do(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return nil
	}
	for _, each := range ranges.([]any) {
		part := each.([]any)
		if slot < part[0].(int64) || slot > part[1].(int64) {
			continue
		}
		port := fmt.Sprint(part[2].([]any)[1])
		for _, node := range c.Nodes {
			if strings.HasSuffix(node.addr, ":"+port) {
				return node
			}
		}
	}
	return nil
}

// Move begins to move a key's slot from one master to another, and returns what ends that:
// it moves the keys, and tells all servers.
func (c *Cluster) Move(ctx context.Context, key string, from, to *Server) (end func() error, err error) {
	slot, err := from.client.ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	fromID, toID := from.ID(ctx), to.ID(ctx)
	_, err = to.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	if err == nil {
		_, err = from.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	}
	return func() error {
		if err := moveKeys(ctx, int(slot), from, to); err != nil {
			return err
		}
		for _, node := range append([]*Server{to, from}, c.Nodes...) {
			if !node.Runs() || node.says(ctx, "role:slave", "INFO", "replication") {
				continue
			}
			if _, err := node.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", toID); err != nil {
				return err
			}
		}
		return nil
	}, err
}

func moveKeys(ctx context.Context, slot int, from, to *Server) error {
	host, port, _ := net.SplitHostPort(to.addr)
	for {
		keys, err := from.client.ClusterGetKeysInSlot(ctx, slot, 1000).Result()
		if err != nil || len(keys) == 0 {
			return err
		}
		command := []any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}
		for _, key := range keys {
			command = append(command, key)
		}
		if _, err := from.Do(ctx, command...); err != nil {
			return err
		}
	}
}

// Close kills all servers and removes their data.
func (c *Cluster) Close() error {
	var all []error
	for _, node := range c.Nodes {
		all = append(all, node.Close())
	}
	return errors.Join(all...)
}

// ID returns the server's name in its cluster.
func (s *Server) ID(ctx context.Context) string {
	id, _ := s.Do(ctx, "CLUSTER", "MYID")
	return fmt.Sprint(id)
}

// says reports whether a command's answer has that text.
func (s *Server) says(ctx context.Context, text string, command ...any) bool {
	answer, err := s.Do(ctx, command...)
	return err == nil && strings.Contains(fmt.Sprint(answer), text)
}
