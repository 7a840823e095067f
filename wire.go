//go:build wireinject

// Package nativebridge puts the bridge together.
package nativebridge

import (
	"context"

	"github.com/google/wire"

	"nativebridge/adapters"
	"nativebridge/adapters/ops"
)

// NewServer returns the bridge as config describes it, and a function to call
// when it serves no more. ctx bounds only the making.
func NewServer(ctx context.Context, config adapters.Config, run adapters.Runtime) (*adapters.Server, func(), error) {
	wire.Build(
		adapters.Set,
		ops.NewServer,
		adapters.NewServer,
	)
	return nil, nil, nil
}
