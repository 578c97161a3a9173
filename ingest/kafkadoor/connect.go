package kafkadoor

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// SASL is how the door shows brokers who it is. The zero value does not.
type SASL struct {
	Mechanism string // one of Mechanisms
	User      string // of AWS the id of an access key
	// PasswordFile has the password, of AWS the secret of the key and, in a second line, the
	// token of a session. It is read again for every connection.
	PasswordFile string
}

// The mechanisms.
const (
	None        = "none"
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
	AWS         = "aws-msk-iam"
)

// Mechanisms returns all of them.
func Mechanisms() []string { return []string{None, Plain, ScramSHA256, ScramSHA512, AWS} }

// connect returns a client that joins the group.
func (d *Door) connect() (*kgo.Client, error) {
	fetch := max(d.cfg.FetchBytes, minFetchBytes)
	log := clientLog{d.log, d.cfg.TLS != nil, cmp.Or(d.cfg.SASL.Mechanism, None)}
	options := []kgo.Opt{
		kgo.WithLogger(log),
		kgo.WithHooks(log),
		kgo.ClientID("clew"),
		kgo.SeedBrokers(d.cfg.Brokers...),
		kgo.ConsumerGroup(d.cfg.Group),
		kgo.ConsumeTopics(d.names()...),
		kgo.SessionTimeout(session),
		kgo.DisableAutoCommit(),
		kgo.OnOffsetsFetched(d.assigned),
		kgo.OnPartitionsRevoked(d.revoked),
		kgo.OnPartitionsLost(d.lost),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(int32(fetch)),
		kgo.FetchMaxPartitionBytes(int32(min(fetch, partitionBytes))),
		kgo.MaxConcurrentFetches(maxFetches),
		kgo.FetchMinBytes(lingerBytes),
		kgo.FetchMaxWait(linger),
		kgo.MaxDecompressBatchBytes(max(d.cfg.MaxBodyBytes, minUnpacked)),
		kgo.DisableClientMetrics(),
	}
	if d.cfg.FromEnd {
		options = append(options, kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()))
	} else {
		options = append(options, kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	}
	if d.cfg.TLS != nil {
		options = append(options, kgo.DialTLSConfig(d.cfg.TLS))
	}
	if m := d.cfg.SASL.mechanism(); m != nil {
		options = append(options, kgo.SASL(m))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("the settings of Kafka: %w", err)
	}
	return client, nil
}

// mechanism returns what shows brokers who it is, nil if nothing does.
func (s SASL) mechanism() sasl.Mechanism {
	switch s.Mechanism {
	case Plain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			lines, err := s.Secrets()
			return plain.Auth{User: s.User, Pass: lines[0]}, err
		})
	case ScramSHA256:
		return scram.Sha256(s.scram)
	case ScramSHA512:
		return scram.Sha512(s.scram)
	case AWS:
		return aws.ManagedStreamingIAM(func(context.Context) (aws.Auth, error) {
			lines, err := s.Secrets()
			return aws.Auth{AccessKey: s.User, SecretKey: lines[0], SessionToken: lines[1], UserAgent: "clew"}, err
		})
	}
	return nil
}

func (s SASL) scram(context.Context) (scram.Auth, error) {
	lines, err := s.Secrets()
	return scram.Auth{User: s.User, Pass: lines[0]}, err
}

// Secrets reads the first two lines of the file of the password. Errors name the file, and
// nothing that is in it.
func (s SASL) Secrets() (lines [2]string, err error) {
	f, err := os.Open(s.PasswordFile)
	if err != nil {
		return lines, fmt.Errorf("the password for Kafka: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPasswordBytes))
	if err != nil {
		return lines, fmt.Errorf("the password for Kafka: %w", err)
	}
	for i, line := range bytes.SplitN(text, []byte("\n"), 3) {
		if i < len(lines) {
			lines[i] = string(bytes.TrimSuffix(line, []byte("\r")))
		}
	}
	if lines[0] == "" {
		return lines, fmt.Errorf("the password for Kafka: the first line of %s is empty", s.PasswordFile)
	}
	return lines, nil
}
