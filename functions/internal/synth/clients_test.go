package synth

import (
	"slices"
	"testing"
)

func TestClients(t *testing.T) {
	most := newClients(9, MaxClients)
	addresses := make(map[string]bool, len(most))
	ipv6 := 0
	for _, c := range most {
		if addresses[c.address] {
			t.Fatalf("%s occurs twice", c.address)
		}
		addresses[c.address] = true
		if c.ipv6 {
			ipv6++
		}
	}
	if percent := 100 * ipv6 / len(most); percent != 9 {
		t.Errorf("want 9%% IPv6, have %d%%", percent)
	}
	if few := newClients(9, 1000); !slices.Equal(few, most[:1000]) {
		t.Error("the first clients depend on how many there are")
	}
}
