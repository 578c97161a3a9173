package serve

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/usage"
)

// kafkaConfig is what the settings say of Kafka, nil if nothing is taken from there. It
// reads the files that they name.
func kafkaConfig(c *config.Config) (*kafkadoor.Config, error) {
	k := &c.Kafka
	if len(k.Brokers) == 0 {
		return nil, nil
	}
	out := &kafkadoor.Config{
		Brokers: k.Brokers, Group: string(k.Group), Tenant: string(k.Tenant),
		FromEnd: k.From.Word == "end", StopAtBad: k.Bad.Word == "stop",
		SASL: kafkadoor.SASL{Mechanism: k.SASL.Word, User: string(k.User), PasswordFile: string(k.PasswordFile)},
	}
	for _, t := range k.Topics {
		out.Topics = append(out.Topics, kafkadoor.Topic{Name: t.Name, Encoding: kafkadoor.Encoding(cmp.Or(t.Encoding, k.Encoding.Word))})
	}
	if out.SASL.Mechanism != kafkadoor.None {
		if _, err := out.SASL.Secrets(); err != nil {
			return nil, usage.Errorf("kafka-password-file: %w", err)
		}
	}
	if !k.TLS {
		return out, nil
	}
	out.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if k.TLSCA != "" {
		pem, err := os.ReadFile(string(k.TLSCA))
		if err != nil {
			return nil, usage.Errorf("kafka-tls-ca: %w", err)
		}
		out.TLS.RootCAs = x509.NewCertPool()
		if !out.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usage.Errorf("kafka-tls-ca: %s has no certificate in PEM", k.TLSCA)
		}
	}
	if k.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(string(k.TLSCert), string(k.TLSKey))
		if err != nil {
			return nil, usage.Errorf("kafka-tls-cert %s, kafka-tls-key %s: %w", k.TLSCert, k.TLSKey, err)
		}
		out.TLS.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// addresses are some, as one text.
type addresses []string

func (a addresses) String() string { return strings.Join(a, ", ") }

// kafkaTaker is the door for topics of Kafka.
func (s *server) kafkaTaker(cfg ingest.Config) taker {
	c := *s.kafka
	c.Config, c.Logger = cfg, s.log
	c.FetchBytes = int(min(s.memory.Inflight/kafkaShare, kafkadoor.DefaultFetchBytes))
	door := kafkadoor.New(c)
	return taker{door: DoorKafka, of: door, fetches: door.Run, from: addresses(c.Brokers)}
}

// collectKafka tells how it goes with the topics.
func collectKafka(out chan<- prometheus.Metric, k kafkadoor.Consumed) {
	tell := func(name, help string, kind prometheus.ValueType, n int64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, float64(n))
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	tell("clew_kafka_bad_messages_total", "Messages that were not what their topic's are said to be.", counter, k.Bad)
	tell("clew_kafka_pauses_total", "How often fetching paused, since the store took nothing or offsets were not committed.", counter, k.Pauses)
	tell("clew_kafka_commits_total", "Commits of offsets.", counter, k.Commits)
	tell("clew_kafka_failed_commits_total", "Commits of offsets that failed and were tried again.", counter, k.FailedCommits)
	tell("clew_kafka_paused", "Whether fetching is paused, 1 or 0.", gauge, int64(oneIf(k.Paused)))
	tell("clew_kafka_partitions", "Partitions that are this server's.", gauge, int64(k.Partitions))
	tell("clew_kafka_stopped_partitions", "Partitions that stand still at a bad message.", gauge, int64(k.Stopped))
	tell("clew_kafka_lag_messages", "Messages of all partitions that are not durable yet, as of the last fetch.", gauge, k.Lag)
	each := prometheus.NewDesc("clew_kafka_partition_lag_messages", "Messages of a partition that are not durable yet, as of the last fetch; of the first 256 partitions.", []string{"topic", "partition"}, nil)
	for _, l := range k.Lags {
		out <- prometheus.MustNewConstMetric(each, gauge, float64(l.Messages), l.Topic, strconv.Itoa(int(l.Partition)))
	}
}
