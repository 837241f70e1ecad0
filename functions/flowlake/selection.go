package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowlake/flowlake/functions/internal/replay"
)

// selectionOptions say which source objects a command is about, by what their keys tell.
type selectionOptions struct {
	from, to string // date or instant; "" is no limit
	// selected is what they and the other flags select, From and To once validated.
	selected replay.Selection
}

// register declares the flags of a command that does, in one word, what verb says. late is the default of
// --late.
func (o *selectionOptions) register(c *cobra.Command, verb string, late time.Duration) {
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "first date, or instant, to "+verb+" (default: the first there is)")
	f.StringVar(&o.to, "to", "", "last date to "+verb+", or instant to end before (default: the last there is)")
	f.DurationVar(&o.selected.Late, "late", late, "how far from its day's folder an object may lie and still be found, such as 24h; with --from and --to")
	f.StringVar(&o.selected.Account, "account", "", "account to "+verb+" the logs of, 12 digits (default: all)")
	f.StringVar(&o.selected.Resource, "accelerator", "", "identifier of the accelerator to "+verb+" the logs of (default: all)")
	f.StringVar(&o.selected.Region, "region", "", "Region in the keys to "+verb+" the logs of (default: all)")
}

// validate finds what is wrong with the flags of a command, and completes what they say.
func (o *selectionOptions) validate(c *cobra.Command) error {
	var err error
	s := &o.selected
	if o.from != "" {
		if s.From, err = replay.ParseFrom(o.from); err != nil {
			return usage("--from: %w", err)
		}
	}
	if o.to != "" {
		if s.To, err = replay.ParseTo(o.to); err != nil {
			return usage("--to: %w", err)
		}
	}
	switch {
	case o.from != "" && o.to != "" && !s.From.Before(s.To):
		return usage("--to: want %s or later, as --from says, have %s", o.from, o.to)
	case s.Late < 0:
		return usage("--late: want a duration such as 24h, have %v", s.Late)
	case c.Flags().Changed("late") && s.Late > 0 && (o.from == "" || o.to == ""):
		return usage("--late: want --from and --to with it: otherwise all folders are listed anyway")
	case s.Account != "" && (len(s.Account) != 12 || strings.Trim(s.Account, "0123456789") != ""):
		return usage("--account: want 12 digits, have %q", s.Account)
	case strings.ContainsAny(s.Resource, "/_"):
		return usage("--accelerator: want the identifier, which is the last part of the ARN, have %q", s.Resource)
	}
	return nil
}
