package serve

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
)

func TestListen(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "localhost.:0", "127.0.0.1", "", "169.254.0.1:0", "*:0", "127.1:0"} {
		if l, err := Listen(t.Context(), address); err == nil {
			l.Close()
			t.Errorf("%s: listens on %s", address, l.Addr())
		} else if !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	addresses := []string{":0", "localhost:0", "127.0.0.1:0"}
	if runtime.GOOS == "linux" { // others give the loopback interface this one address
		addresses = append(addresses, "127.0.0.2:0")
	}
	for _, address := range addresses {
		l, err := Listen(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("%s: listens on %s", address, l.Addr())
		}
		l.Close()
	}
}

func TestValidate(t *testing.T) {
	o := Options{MaxRows: -1, Timeout: -1, Refresh: -1}
	err := o.Validate()
	for _, want := range []string{"open: want a lake", "rows: want", "timeout: want", "refresh: want"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among %v", want, err)
		}
	}
	if _, err := New(t.Context(), o); err == nil {
		t.Error("opened with wrong settings")
	}
	if o = (Options{Open: new(site).open}); o.Validate() != nil || o.MaxRows != DefaultMaxRows || o.Timeout != DefaultTimeout || o.Refresh != DefaultRefresh {
		t.Errorf("defaults are %v", o)
	}
}
