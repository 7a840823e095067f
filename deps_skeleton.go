//go:build skeleton

package nativebridge

import (
	_ "github.com/throttled/throttled/v2"
	_ "github.com/throttled/throttled/v2/store/memstore"
)
