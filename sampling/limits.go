package sampling

import "time"

const (
	// maxRules bounds the rules of a tenant besides Default: SDKs go through all of them
	// for each request. X-Ray allows 25.
	maxRules = 250
	// maxAttributes and maxAttributeText are X-Ray's.
	maxAttributes    = 5
	maxAttributeText = 32

	// Interval is how long clients are told to wait between two reports.
	Interval = 10 * time.Second
	// leaseTime is how long a client may use its share of a reservoir, and how long it is
	// kept for it: three reports and a half, so that one that is late or lost takes
	// nothing away. X-Ray lends for five minutes; then a client that is gone would take
	// its share with it for as long.
	leaseTime = 35 * time.Second
	// maxLeases bounds the clients that hold a share, of all rules and tenants together, at
	// 150 bytes each. Whoever comes when there are as many keeps to the fixed rate.
	maxLeases = 50_000
	// growth is how much more traffic a client may have until it reports again, of which
	// its share still holds.
	growth = 1.25
	// fewClients are so few that a share is found anew at each report; sorting more takes
	// longer than the rest.
	fewClients = 100

	// windowTime is the grain of statistics, X-Ray's; maxWindows of a rule are kept, an
	// hour, and maxAllWindows of all rules and tenants together, at 100 bytes each.
	windowTime    = 10 * time.Second
	maxWindows    = 360
	maxAllWindows = 100_000

	// maxTenants bounds those with rules or clients of their own.
	maxTenants = 10_000
)
