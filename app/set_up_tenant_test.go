package app_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports/portsmock"
)

var (
	connection  = domain.TenantStep{ID: "connection", Object: `connection "bridge"`, Action: domain.Create}
	application = domain.TenantStep{ID: "application", Object: `application "Bridge"`, Action: domain.Change}
)

// kept returns the step as it is when nothing is left to do.
func kept(step domain.TenantStep) domain.TenantStep {
	step.Action, step.Changes = domain.Keep, nil
	return step
}

func planOf(steps ...domain.TenantStep) domain.TenantPlan { return domain.TenantPlan{Steps: steps} }

// notes is a Watcher that agrees or not, and notes what it is told.
type notes struct {
	agrees bool
	told   []string
}

func (n *notes) watcher() app.Watcher {
	return app.Watcher{
		Agree: func(domain.TenantPlan) bool { n.told = append(n.told, "asked"); return n.agrees },
		Begin: func(step domain.TenantStep) { n.told = append(n.told, "begin "+step.ID) },
		End: func(step domain.TenantStep, err error) {
			outcome := "end "
			if err != nil {
				outcome = "fail "
			}
			n.told = append(n.told, outcome+step.ID)
		},
	}
}

func TestSetUpTenant(t *testing.T) {
	broken := errors.New("429")
	for name, tt := range map[string]struct {
		plans    []domain.TenantPlan // one after another
		declines bool
		fails    string // the step whose Apply fails
		told     []string
		err      error
	}{
		"takes the pending steps in order, and plans again": {
			plans: []domain.TenantPlan{planOf(connection, application), planOf(kept(connection), kept(application))},
			told:  []string{"asked", "begin connection", "end connection", "begin application", "end application"},
		},
		"leaves what is as it should be": {
			plans: []domain.TenantPlan{planOf(kept(connection), application), planOf(kept(connection), kept(application))},
			told:  []string{"asked", "begin application", "end application"},
		},
		"has nothing to ask if nothing is to be done": {
			plans: []domain.TenantPlan{planOf(kept(connection), kept(application))},
		},
		"changes nothing without a yes": {
			plans: []domain.TenantPlan{planOf(connection)}, declines: true, told: []string{"asked"}, err: app.ErrDeclined,
		},
		"does not even ask if the plan is blocked": {
			plans: []domain.TenantPlan{{Steps: []domain.TenantStep{connection}, Blockers: []domain.Instruction{{What: "foreign keys"}}}},
			err:   app.ErrBlocked,
		},
		"stops at the first step that fails": {
			plans: []domain.TenantPlan{planOf(connection, application)}, fails: "connection",
			told: []string{"asked", "begin connection", "fail connection"}, err: broken,
		},
		"says when the tenant does not keep what it was told": {
			plans: []domain.TenantPlan{planOf(connection), planOf(connection)},
			told:  []string{"asked", "begin connection", "end connection"}, err: app.ErrNotConverged,
		},
	} {
		t.Run(name, func(t *testing.T) {
			setup := portsmock.NewMockTenantSetup(gomock.NewController(t))
			var calls []any
			for _, plan := range tt.plans {
				calls = append(calls, setup.EXPECT().Plan(gomock.Any()).Return(plan, nil))
			}
			gomock.InOrder(calls...)
			setup.EXPECT().Apply(gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(_ context.Context, step domain.TenantStep) error {
				if step.ID == tt.fails {
					return broken
				}
				return nil
			})
			watched := notes{agrees: !tt.declines}
			last, err := (&app.SetUpTenant{Setup: setup}).Execute(t.Context(), watched.watcher())
			if !errors.Is(err, tt.err) {
				t.Errorf("err = %v, want %v", err, tt.err)
			}
			if !slices.Equal(watched.told, tt.told) {
				t.Errorf("told %q, want %q", watched.told, tt.told)
			}
			if tt.fails == "" && len(last.Pending()) != len(tt.plans[len(tt.plans)-1].Pending()) {
				t.Errorf("the last plan is not returned: %v", last)
			}
		})
	}
}

func TestSetUpTenantThatCannotRead(t *testing.T) {
	away := errors.New("401: the client secret is wrong")
	t.Run("at first", func(t *testing.T) {
		setup := portsmock.NewMockTenantSetup(gomock.NewController(t))
		setup.EXPECT().Plan(gomock.Any()).Return(domain.TenantPlan{}, away)
		if _, err := (&app.SetUpTenant{Setup: setup}).Execute(t.Context(), (&notes{}).watcher()); !errors.Is(err, away) {
			t.Errorf("err = %v, want %v", err, away)
		}
	})
	t.Run("after the last step", func(t *testing.T) {
		setup := portsmock.NewMockTenantSetup(gomock.NewController(t))
		gomock.InOrder(
			setup.EXPECT().Plan(gomock.Any()).Return(planOf(connection), nil),
			setup.EXPECT().Apply(gomock.Any(), connection).Return(nil),
			setup.EXPECT().Plan(gomock.Any()).Return(domain.TenantPlan{}, away),
		)
		if _, err := (&app.SetUpTenant{Setup: setup}).Execute(t.Context(), (&notes{agrees: true}).watcher()); !errors.Is(err, away) {
			t.Errorf("err = %v, want %v", err, away)
		}
	})
}
