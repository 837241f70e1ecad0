package gluecatalog

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
)

// NewImpatientClient is NewClient with waits of a thousandth.
func NewImpatientClient(cfg aws.Config, timeout time.Duration) *glue.Client {
	return newClient(cfg, timeout, impatient)
}

// Impatient makes the catalog wait a thousandth, and gives it another clock, if not nil.
func (c *Catalog) Impatient(now func() time.Time) *Catalog {
	c.delay = impatient
	if now != nil {
		c.now = now
	}
	return c
}

var impatient = backoff{defaultBackoff.base / 1000, defaultBackoff.limit / 1000}

// Backoff gives the wait after that many attempts, by the real measure.
func Backoff(attempt int) time.Duration { return defaultBackoff.after(attempt) }

const (
	Attempts   = attempts
	ItemRounds = itemRounds
)
