package gateway

import (
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

// User is an account that may do what its policies say.
type User struct {
	// AccessKey and SecretKey are its credentials.
	AccessKey, SecretKey string

	client *s3.Client
}

// AddUser adds an account with policies: documents in JSON as IAM takes them for a user or a role, with
// nothing left to resolve. It may do what one of them allows and none of them denies, and nothing
// without one. The account ends with the gateway.
func (g *Gateway) AddUser(policies ...string) (User, error) {
	u := User{AccessKey: "AKIA" + rand.Text()[:16], SecretKey: rand.Text() + rand.Text()}
	a := account{Account: auth.Account{Access: u.AccessKey, Secret: u.SecretKey, Role: auth.RoleUser}}
	for i, p := range policies {
		if err := policy.Parse(p); err != nil {
			return User{}, fmt.Errorf("add user: policy %d: %w", i+1, err)
		}
		a.policies = append(a.policies, types.PolicyEntry{PolicyDocument: p})
	}
	g.accounts.add(a)
	config := g.Config()
	config.Credentials = credentials.NewStaticCredentialsProvider(u.AccessKey, u.SecretKey, "")
	u.client = g.newClient(config)
	return u, nil
}

// Client gives a client of the gateway with the credentials of the user. It ends with the gateway.
func (u User) Client() *s3.Client { return u.client }

// Env gives the variables of [Gateway.Env] that are others for the user.
func (u User) Env() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": u.AccessKey, "AWS_SECRET_ACCESS_KEY": u.SecretKey}
}

// accounts are those of a gateway: its own, which versitygw asks no policies for, and those of users.
type accounts struct {
	auth.IAMService // with the gateway's own account alone, for what is not asked of users

	mu    sync.RWMutex
	users map[string]account
}

type account struct {
	auth.Account
	policies []types.PolicyEntry
}

// newAccounts gives the accounts of a gateway without users.
func newAccounts(own auth.Account) *accounts {
	return &accounts{IAMService: auth.NewIAMServiceSingle(own), users: map[string]account{own.Access: {Account: own}}}
}

func (a *accounts) add(u account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[u.Access] = u
}

func (a *accounts) get(access string) (account, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	u, ok := a.users[access]
	if !ok {
		return u, auth.ErrNoSuchUser
	}
	return u, nil
}

// GetUserAccount gives an account. To a wrong access key the gateway then answers as S3 does: 403
// InvalidAccessKeyId, and not that there is no such user.
func (a *accounts) GetUserAccount(access string) (auth.Account, error) {
	u, err := a.get(access)
	return u.Account, err
}

// EvaluatePolicy gives what the policies of a user say of each resource and each action. versitygw
// asks it for what is not the gateway's own account, and brings it together with the bucket's policy.
func (a *accounts) EvaluatePolicy(access, _ string, actions []auth.Action, resources []string, condition map[string][]string) (auth.PolicyEvaluation, error) {
	u, err := a.get(access)
	if err != nil {
		return auth.PolicyEvaluation{}, err
	}
	var e auth.PolicyEvaluation
	decide(&e.Decisions, resources, actions, func(resource string, action auth.Action) policy.Decision {
		return policy.EvaluateIdentityPolicies(u.policies, policy.RequestContext{Action: string(action), Resource: resource, Condition: condition})
	})
	return e, nil
}

// decide adds a row of decisions for each resource, with one for each action. Their type has no name
// outside of versitygw's package; its values are those of [policy.Decision].
func decide[D ~int](decisions *[][]D, resources []string, actions []auth.Action, decision func(resource string, action auth.Action) policy.Decision) {
	for _, r := range resources {
		row := make([]D, len(actions))
		for i, action := range actions {
			row[i] = D(decision(r, action))
		}
		*decisions = append(*decisions, row)
	}
}
