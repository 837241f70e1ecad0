// Package gateway serves S3 over a directory, by a versitygw inside the process, for tests.
//
// The gateway is a real S3 server written by others: it checks signatures and checksums, answers
// ranges, conditions and multipart uploads, and pages its lists. Buckets are directories below the
// one it is given and objects are files in them, so a test can look at what was stored, or spoil it,
// without asking it. It passes the contract suite of stores as it stands. It is not S3, and differs (each
// of these is held by a test, so that an update of versitygw shows what changed):
//   - There cannot be an object "a" beside an object "a/b": 409 ExistingObjectIsDirectory or
//     ObjectParentIsFile.
//   - Keys are cleaned as paths are: "a//b", "a/./b" and "x/../a/b" are all "a/b". An element of a key has
//     255 bytes at most, and ".sgwtmp" is its own.
//   - A list has a temporary name for a moment while an object is replaced ([Temporary]).
//   - A list does not encode keys, and says so by leaving out EncodingType. Control characters are lost.
//   - Encryption with KMS keys is accepted and not done, and a session token is refused: [Gateway.Env]
//     sets an empty one.
//   - The owner of a bucket is the access key and no number of an account, so that every
//     x-amz-expected-bucket-owner of 12 digits is denied.
//   - Policies ([Gateway.AddUser]) are enforced as IAM has it, and actions as S3 has it, but for these:
//     a missing object is 404 NoSuchKey for whoever may not list, too, where S3 denies access; a character
//     of several bytes is as many characters for a "?"; and conditions know of the request its source
//     address, time, TLS, user agent, referrer, list parameters, ACL and version, and nothing of accounts,
//     principals, signatures and encryption. There are no sessions, so that a user stands for a role.
//
// Tests keep to keys that it shares with S3, and those of flow logs are.
//
// A process can run one gateway at a time: versitygw keeps its state in variables of its packages,
// and it changes the working directory of the process to the directory that it serves, where it
// must stay. [Start] gives an error while another one runs, and [Gateway.Stop] changes back. A test
// that needs its working directory asks for it before it starts one.
//
// Decisions: inside the process rather than as a process of its own, because nothing then needs to
// be installed, built or found, and because it ends with the test whatever happens. The credentials
// are drawn anew for each gateway, so an answer to a signed call proves that it is ours, on a port
// that was free a moment before. Users and their policies are kept here, and evaluated by versitygw's
// evaluator, rather than by its IAM service, which is a server of its own and prints.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// Region is the region that every gateway is in.
const Region = "eu-west-1"

const (
	connections = 256              // at most; further ones are answered with 503 SlowDown
	patience    = 10 * time.Second // until the gateway answers for the first time
)

// Gateway is a running gateway. It may be shared by goroutines.
type Gateway struct {
	// URL is the endpoint, http://127.0.0.1 and a port.
	URL string
	// Dir is the directory that holds the buckets, one directory each. Whoever changes a file there
	// changes the object, but not its ETag.
	Dir string
	// AccessKey and SecretKey are the credentials of its own account, which may do everything.
	AccessKey, SecretKey string

	accounts  *accounts
	transport *http.Transport
	client    *s3.Client
	stop      func() error
}

// Temporary says that a key is a name of versitygw's own, which it gives an object that takes the place of
// another until it has the other's name.
func Temporary(key string) bool {
	name := path.Base(key)
	return strings.HasPrefix(name, ".") && strings.Contains(name, ".sgwtmp.")
}

// Start starts a gateway that keeps its buckets in dir/buckets. What is in it stays when the gateway
// stops, and is there again for the next one.
func Start(dir string) (*Gateway, error) {
	return start(dir, meta.XattrMeta{}.Test(dir) == nil)
}

// start keeps what versitygw knows of an object in extended attributes of its file, or else in files of
// another directory, for file systems that have no such attributes.
func start(dir string, attributes bool) (*Gateway, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("start gateway: %w", err)
	}
	before, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("start gateway: %w", err)
	}
	g := &Gateway{
		Dir:       filepath.Join(dir, "buckets"),
		AccessKey: "AKIA" + rand.Text()[:16],
		SecretKey: rand.Text() + rand.Text(),
		transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	g.accounts = newAccounts(auth.Account{Access: g.AccessKey, Secret: g.SecretKey, Role: auth.RoleAdmin})
	store, err := metadata(dir, attributes)
	if err == nil {
		err = os.MkdirAll(g.Dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("start gateway: %w", err)
	}
	for range 5 { // somebody may take the port between our looking and our listening
		if err = g.run(store, before); err == nil {
			return g, nil
		}
		if errors.Is(err, errRunning) {
			break
		}
	}
	return nil, fmt.Errorf("start gateway: %w", err)
}

// metadata gives the place for what is known of objects. versitygw would print to the standard output
// if it was told of the directory by its options.
func metadata(dir string, attributes bool) (meta.MetadataStorer, error) {
	if attributes {
		return meta.XattrMeta{}, nil
	}
	side := filepath.Join(dir, "metadata")
	if err := os.MkdirAll(side, 0o755); err != nil {
		return nil, err
	}
	return meta.NewSideCar(side)
}

var errRunning = errors.New("another gateway runs in this process")

// running is the token of the one gateway that a process may run. It is a variable of the package
// because the working directory is one of the process; versitygw looks after itself, but too late.
var running = make(chan struct{}, 1)

// run starts versitygw and waits until it answers.
func (g *Gateway) run(store meta.MetadataStorer, before string) error {
	select {
	case running <- struct{}{}:
	default:
		return errRunning
	}
	release := func() error {
		err := os.Chdir(before)
		<-running
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return errors.Join(err, release())
	}
	backend, err := posix.New(g.Dir, store, posix.PosixOpts{})
	if err != nil {
		return errors.Join(err, release())
	}

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: g.AccessKey, RootUserSecret: g.SecretKey, Region: Region, Ports: []string{address},
			MaxConnections: connections, MaxRequests: connections, MultipartMaxParts: 10000,
			KeepAlive: true, Quiet: true,
			IAMService: g.accounts,
		})
	}()
	g.URL = "http://" + address
	g.client = g.newClient(g.Config())
	g.stop = sync.OnceValue(func() error {
		g.transport.CloseIdleConnections()
		cancel()
		return errors.Join(<-ended, release())
	})
	if err := g.answers(ended); err != nil {
		return errors.Join(err, g.stop())
	}
	return nil
}

// answers waits for the answer to a signed call. If versitygw ends instead, it gives why.
func (g *Gateway) answers(ended chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		_, err := g.client.ListBuckets(ctx, nil, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
		if err == nil {
			return nil
		}
		select {
		case end := <-ended:
			ended <- nil // for stop
			return errors.Join(errors.New("gateway ended"), end)
		case <-ctx.Done():
			return fmt.Errorf("no answer in %v: %w", patience, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// freeAddress gives a loopback address whose port is free now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Stop ends the gateway and changes back to the working directory of before. It waits for the calls
// that are under way. Stopping again does nothing and gives the same error.
func (g *Gateway) Stop() error { return g.stop() }

// Client gives a client of the gateway, which ends with it.
func (g *Gateway) Client() *s3.Client { return g.client }

// newClient gives a client whose connections end with the gateway, which waits for them.
func (g *Gateway) newClient(config aws.Config) *s3.Client {
	return s3.NewFromConfig(config, func(o *s3.Options) { o.HTTPClient = &http.Client{Transport: g.transport} })
}

// Config gives the configuration of a client, as the SDK would find it in the environment of a Lambda. A
// test that has a proxy in front of the gateway sets its BaseEndpoint to that.
func (g *Gateway) Config() aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(g.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(g.AccessKey, g.SecretKey, ""),
	}
}

// Env gives the environment variables that make the SDK of another process use the gateway, and with
// them the ones given, which win.
func (g *Gateway) Env(more map[string]string) map[string]string {
	env := map[string]string{
		"AWS_ENDPOINT_URL_S3":   g.URL,
		"AWS_REGION":            Region,
		"AWS_ACCESS_KEY_ID":     g.AccessKey,
		"AWS_SECRET_ACCESS_KEY": g.SecretKey,
		"AWS_SESSION_TOKEN":     "",
	}
	maps.Copy(env, more)
	return env
}

// MakeBucket creates a bucket.
func (g *Gateway) MakeBucket(ctx context.Context, name string) error {
	if _, err := g.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}
