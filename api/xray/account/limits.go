package account

const (
	// maxTenants bounds those with something of their own.
	maxTenants = 10_000

	// The limits of AWS: of policies, and of tags of one resource.
	maxPolicies    = 5
	maxPolicyBytes = 5 << 10
	maxPolicyName  = 128
	maxTags        = 50
	maxTagKey      = 128
	maxTagValue    = 256

	// maxGroups is AWS' limit for groups; maxExpression is longer than anybody writes.
	maxGroups     = 25
	maxGroupName  = 32
	maxExpression = 16 << 10

	policyCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"

	groupCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- "

	// everything is the percentage of spans that are indexed here.
	everything = 100
)
