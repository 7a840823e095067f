package budget

import (
	"context"
	"net/http"
	"time"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// held is where the turn of a sign-in is kept from Admit to Spend, and turns on their way
// to the transport.
type held struct{ turn *turn }

type key struct{}

// Hold returns a context in which Admit keeps the turn that it takes. Release gives the
// turn back if it was not used; it must be called when the sign-in has ended.
func (b *Budget) Hold(ctx context.Context) (holding context.Context, release func()) {
	if b == nil {
		return ctx, func() {}
	}
	h := &held{}
	return context.WithValue(ctx, key{}, h), func() {
		if h.turn != nil {
			b.finish(h.turn)
		}
	}
}

// Admit implements ports.Admission: it takes the turn of a sign-in that is begun with
// Hold, before its proof is claimed. Any other takes its turn in Spend.
func (b *Budget) Admit(ctx context.Context, _ domain.Identity) error {
	h, holds := ctx.Value(key{}).(*held)
	if b == nil || !holds {
		return nil
	}
	turn, err := b.take(ctx, Issue)
	h.turn = turn
	return err
}

// Spend calls ask with a context by which the transport that Watch returned knows whose
// turn it is: the one that Admit took, or one that Spend waits for.
func Spend[T any](ctx context.Context, b *Budget, call Call, ask func(context.Context) (T, error)) (T, error) {
	if b == nil {
		return ask(ctx)
	}
	if h, holds := ctx.Value(key{}).(*held); holds && h.turn != nil && h.turn.call == call {
		return ask(ctx)
	}
	turn, err := b.take(ctx, call)
	if err != nil {
		var none T
		return none, err
	}
	defer b.finish(turn)
	return ask(context.WithValue(ctx, key{}, &held{turn}))
}

// Watch returns a transport that spends for what is sent by it, and learns from the
// replies. Only what is sent by POST is limited: keys and documents are fetched by GET.
func (b *Budget) Watch(next http.RoundTripper) http.RoundTripper {
	if b == nil {
		return next
	}
	return watched{b, next}
}

type watched struct {
	budget *Budget
	next   http.RoundTripper
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPost {
		return w.next.RoundTrip(req)
	}
	var t *turn
	if h, holds := req.Context().Value(key{}).(*held); holds {
		t = h.turn
	}
	w.budget.sending(t)
	reply, err := w.next.RoundTrip(req)
	if err == nil && t != nil {
		w.budget.learn(t, reply)
	}
	return reply, err
}

// sending notes that a turn is used. A second request with the same turn spends of the
// budget and does not wait. So does one without a turn, such as a revocation: it counts
// as a renewal, for which there is the same limit.
func (b *Budget) sending(t *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case t == nil:
		b.spend(Renew, time.Now())
	case t.sent:
		b.spend(t.call, time.Now())
	default:
		t.sent = true
	}
}

// learn takes over what a reply tells of the limits.
func (b *Budget) learn(t *turn, reply *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !t.answered {
		t.answered = true
		b.out--
	}
	now := time.Now()
	for _, quota := range b.options.Read(reply.Header, now) {
		b.windowFor(t.call, quota, reply.StatusCode == http.StatusTooManyRequests, now)
	}
	b.serve(now)
}

// windowFor notes one quota. A refusal may be by a limit of one person's, and then its
// quota is not the one that others are told: it says nothing of them. b.mu is held.
func (b *Budget) windowFor(call Call, quota upstream.Quota, refused bool, now time.Time) {
	of := Call("")
	if quota.Name == b.options.Apart {
		of = call
	}
	var known *window
	for _, w := range b.windows {
		if w.name == quota.Name && w.call == of {
			known = w
		}
	}
	if refused && !quota.Own && (known == nil || known.of != quota.Of) {
		return
	}
	if known == nil {
		known = &window{name: quota.Name, call: of}
		b.windows = append(b.windows, known)
	}
	known.learn(quota, now, b.out)
}
