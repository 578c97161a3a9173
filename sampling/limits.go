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

	// minBudget is a trace in a quarter of an hour, and maxBudget more than a server takes, in
	// traces per second.
	minBudget = 0.001
	maxBudget = 1_000_000
	// firm is how much of a budget X-Ray's clients get as a reservoir, which no traffic
	// exceeds. The rest is a rate, so that every request has a chance: until clients report
	// again it grows with the traffic, six times of which come to twice the budget.
	firm = 0.8
	// maxBeyond is the greatest rate beside such a reservoir. Where there are about as many
	// requests as the budget, any more would all be let through until clients report.
	maxBeyond = 0.2
	// steady is how far off a rate may be before another is told.
	steady = 0.05
	// halving is how long traffic that is gone is remembered by half: no rate doubles faster.
	halving = 30 * time.Second
	// initialRate is that of what is not seen yet where a rule says 0, Jaeger's.
	initialRate = 0.001
	// minRate is the smallest rate of an operation, Jaeger's.
	minRate = 1e-5

	// Step is how long the roots of operations are counted for once, and Delay how late,
	// until their spans have come: exporters send every five seconds.
	Step  = 15 * time.Second
	Delay = 10 * time.Second
	// lag is for how many steps a client may go on with a rate that is not told any more:
	// Jaeger's ask once a minute; what they had before may be counted Delay and a Step later.
	lag = 7
	// maxHorizon is of how many steps counts are kept, four minutes: a budget of one per
	// second is then held to an eighth.
	maxHorizon = 16
	// drift is how much of the way to the likeliest rate one goes in a step, where both may be
	// right; of enough traces, that is of as few steps as have so many.
	drift  = 0.25
	enough = 50
	// lowerBound is how many traces per second of each operation a client lets through at
	// least, Jaeger's, of a budget of one per second or more.
	lowerBound = 1.0 / 60
	// maxOperations bounds the operations of a service that are told apart, and
	// maxAllOperations those of all rules and tenants, at 400 bytes each. Of others the rate is
	// that of what is not seen yet.
	maxOperations    = 250
	maxAllOperations = 10_000
	// maxNamed bounds the operations that a service is told of, of all rules.
	maxNamed = 500
	// maxOperationName bounds a name that is kept, in bytes.
	maxOperationName = 256
	// maxAllServices bounds the services that ask for strategies and are counted, of all
	// tenants, at 400 bytes each.
	maxAllServices = 20_000
	// maxCounted bounds the operations of one count, and maxCountedRows the rows that it looks
	// at: more than are received in a Step.
	maxCounted     = 20_000
	maxCountedRows = 50_000_000
	// forget is how long after its last root an operation is no longer known, and after its
	// last question a service.
	forget = time.Hour
	// keepEvery is how often what is learnt is saved.
	keepEvery = time.Minute

	// boostTime is how long a rate is raised for, and boostWanted how many anomalies per
	// second are then to be let through.
	boostTime   = time.Minute
	boostWanted = 1

	// maxTenants bounds those with rules or clients of their own.
	maxTenants = 10_000
)
