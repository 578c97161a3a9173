package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load is the shoppers. They are strangers to the shop's telemetry: their HTTP
// client makes no spans, so a trace's root is the frontend's.
type load struct {
	shop  *shop
	pacer *pacer
	http  *http.Client
	turn  atomic.Uint64
}

func newLoad(s *shop, rate float64) *load {
	l := &load{shop: s, pacer: newPacer(rate, s.ledger.started.Load, time.Now)}
	transport := s.mesh.pool(func(ctx context.Context, _, _ string) (net.Conn, error) {
		sockets := s.mesh.lookup(frontendName)
		return dial(ctx, frontendName, sockets[l.turn.Add(1)%uint64(len(sockets))])
	})
	l.http = &http.Client{Transport: transport, Timeout: requestTimeout}
	return l
}

// run makes visits at the pacer's rate until ctx ends, then waits for those
// under way. At most maxInFlight go on at once; a shop that has to wait for its
// exporters so slows the load.
func (l *load) run(ctx context.Context) {
	plans := make(chan plan)
	var wg sync.WaitGroup
	workers := 0
	for n := uint64(0); ; n++ {
		p := l.plan(n)
		if !l.pacer.next(ctx, p.cost()) {
			break
		}
		select {
		case plans <- p:
			continue
		default:
		}
		if workers < maxInFlight {
			workers++
			wg.Go(func() { l.work(plans) })
		}
		plans <- p
	}
	close(plans)
	wg.Wait()
}

// work carries out plans until there are no more.
func (l *load) work(plans <-chan plan) {
	for p := range plans {
		for _, s := range p.steps {
			l.request(p, s)
		}
		l.pacer.done(p.cost())
	}
}

// plan is one visit: who comes and what they ask for, step by step.
type plan struct {
	user, session, tier, country, address, agent string
	steps                                        []step
}

// step is one request.
type step struct {
	method, path string
	body         any
	spans        float64 // guess of what it costs
}

// cost guesses how many spans the visit makes.
func (p plan) cost() float64 {
	var sum float64
	for _, s := range p.steps {
		sum += s.spans
	}
	return sum
}

// What requests cost in spans, found by counting. The pacer corrects the level,
// so only their proportions matter.
const (
	homeSpans     = 13
	productSpans  = 16
	cartSpans     = 6
	cartItemSpans = 4
	addSpans      = 12
	checkoutSpans = 41
	orderSpans    = 6 // of an order's item, in checkout and in the workers
)

// plan draws the n-th visit. It depends on the seed and n alone.
func (l *load) plan(n uint64) plan {
	r := rand.New(rand.NewPCG(uint64(l.shop.config.Seed), n))
	user := r.IntN(userCount)
	p := plan{
		user:    fmt.Sprintf("u-%04d", user),
		session: fmt.Sprintf("%016x", r.Uint64()),
		tier:    pick(r, "free", "free", "free", "plus", "plus", "business"),
		country: pick(r, "DE", "DE", "DE", "FR", "NL", "AT", "PL", "US"),
		// 198.51.100.0/24 and 203.0.113.0/24 are for documentation (RFC 5737).
		address: fmt.Sprintf(pick(r, "198.51.100.%d", "203.0.113.%d"), user%250+1),
		agent: pick(r,
			"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
			"ShopApp/7.2 (iPhone; iOS 18.5)"),
	}
	switch kind := r.IntN(100); {
	case kind < 25: // looks in
		p.home(r)
	case kind < 65: // looks around
		p.home(r)
		for range 1 + r.IntN(3) {
			p.product(r)
		}
	case kind < 78: // thinks about it
		p.product(r)
		p.add(r)
		p.cart(1)
	default: // buys
		p.product(r)
		items := 1 + r.IntN(3)
		for range items {
			p.add(r)
		}
		p.cart(items)
		p.checkout(r, items)
	}
	return p
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// anyProduct prefers some products to others, as shoppers do.
func anyProduct(r *rand.Rand) string {
	f := r.Float64()
	return productID(int(f * f * productCount))
}

func (p *plan) home(r *rand.Rand) {
	p.steps = append(p.steps, step{http.MethodGet, "/?category=" + pick(r, featuredCategories()...), nil, homeSpans})
}

func (p *plan) product(r *rand.Rand) {
	id := anyProduct(r)
	if r.IntN(200) == 0 {
		id = fmt.Sprintf("P-%04d", r.IntN(1000)) // an old link
	}
	p.steps = append(p.steps, step{http.MethodGet, "/products/" + id, nil, productSpans})
}

func (p *plan) add(r *rand.Rand) {
	item := lineItem{ProductID: anyProduct(r), Quantity: int64(1 + r.IntN(3))}
	p.steps = append(p.steps, step{http.MethodPost, "/cart/items", item, addSpans})
}

func (p *plan) cart(items int) {
	p.steps = append(p.steps, step{http.MethodGet, "/cart", nil, cartSpans + cartItemSpans*float64(items)})
}

func (p *plan) checkout(r *rand.Rand, items int) {
	card := pick(r, "4242424242424242", "5555555555554444", "378282246310005")
	if r.IntN(25) == 0 {
		card = "400000000000" + declinedSuffix
	}
	p.steps = append(p.steps, step{http.MethodPost, "/checkout", placeRequest{Card: card},
		checkoutSpans + orderSpans*float64(items)})
}

// request asks the frontend and counts an answer of any kind.
func (l *load) request(p plan, s step) {
	var body io.Reader = http.NoBody
	if s.body != nil {
		raw, err := json.Marshal(s.body)
		if err != nil {
			return
		}
		body = bytes.NewReader(raw)
	}
	// Visits under way are finished when the load ends, so no context is given;
	// the client's timeout bounds them.
	r, err := http.NewRequest(s.method, "http://"+frontendName+s.path, body)
	if err != nil {
		return
	}
	r.Header.Set("User-Agent", p.agent)
	r.Header.Set("X-Forwarded-For", p.address)
	r.Header.Set(userHeader, p.user)
	r.Header.Set(sessionHeader, p.session)
	r.Header.Set(tierHeader, p.tier)
	r.Header.Set(countryHeader, p.country)
	res, err := l.http.Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, replyBytes)); err == nil {
		l.shop.ledger.requests.Add(1)
	}
}
