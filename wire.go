//go:build wireinject

// Package nativebridge puts the bridge together.
package nativebridge

import (
	"context"

	"github.com/google/wire"

	"nativebridge/adapters"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/ops"
	"nativebridge/app"
)

// NewServer returns the bridge as config describes it, and what is to be called
// when it serves no more. ctx bounds the making alone.
func NewServer(ctx context.Context, config adapters.Config, run adapters.Runtime) (*adapters.Server, func(), error) {
	wire.Build(
		adapters.Set,
		wire.Struct(new(app.ExchangePasskeyForSession), "*"),
		wire.Struct(new(app.RenewSession), "*"),
		wire.Struct(new(app.RevokeSession), "*"),
		httpapi.NewServer,
		ops.NewServer,
		adapters.NewServer,
	)
	return nil, nil, nil
}
