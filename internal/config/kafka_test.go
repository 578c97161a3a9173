package config_test

import (
	"strings"
	"testing"

	"github.com/clew-tracing/clew/internal/config"
)

// TestKafka: what goes together, and what is said where it does not.
func TestKafka(t *testing.T) {
	f := func(want string, flags ...string) *config.Resolved {
		t.Helper()
		r, err := resolve(flags, nil, "")
		switch {
		case want == "" && err != nil:
			t.Errorf("%v: %v", flags, err)
		case want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)):
			t.Errorf("%v: %v\nwant %s", flags, err, want)
		}
		return r
	}
	const brokers = "kafka-brokers=a:9092, [::1]:9093"
	r := f("", brokers, "kafka-topics=a,b=jaeger_proto", "kafka-encoding=otlp_json")
	if k := r.Kafka; len(k.Brokers) != 2 || k.Brokers[1] != "[::1]:9093" || len(k.Topics) != 2 || k.Topics[1] != (config.Topic{"b", "jaeger_proto"}) || k.Topics.String() != "a,b=jaeger_proto" || k.Group != "clew" {
		t.Errorf("%+v", k)
	}
	if r := f(""); len(r.Kafka.Brokers) != 0 || r.Kafka.Topics.String() != "otlp_spans" {
		t.Errorf("%+v", r.Kafka)
	}
	f("", brokers, "kafka-tls=true", "kafka-tls-ca=ca.pem", "kafka-tls-cert=c.pem", "kafka-tls-key=k.pem", "kafka-sasl=plain", "kafka-user=u", "kafka-password-file=p", "kafka-tenant=shop")
	f(`"a" is no broker: want host:port, such as kafka.example:9092`, "kafka-brokers=a")
	f(`":9092" is no broker: want host:port, such as kafka.example:9092`, "kafka-brokers=:9092")
	f(`"a:0" is no broker: want host:port, such as kafka.example:9092`, "kafka-brokers=a:0")
	f(`"a b" is no topic: want letters, digits, dots, dashes and underscores, at most 249`, brokers, "kafka-topics=a b")
	f("the topic a is named twice", brokers, "kafka-topics=a,a=xray")
	f("the encoding of a: want jaeger_json, jaeger_proto, jaeger_thrift, otlp_json, otlp_proto, xray, zipkin_json, zipkin_proto or zipkin_thrift", brokers, "kafka-topics=a=avro")
	f("--kafka-topics: names no topic; leave it out for otlp_spans", brokers, "kafka-topics=")
	f("--kafka-group: names no group; leave it out for clew", brokers, "kafka-group=")
	f("--kafka-group: needs kafka-brokers as well", "kafka-group=a")
	f("kafka-tls: is what kafka-tls-ca, kafka-tls-cert and kafka-tls-key need: set it to true", brokers, "kafka-tls-ca=a")
	f("--kafka-tls-cert: goes with kafka-tls-key; give both", brokers, "kafka-tls=true", "kafka-tls-cert=a")
	f("kafka-sasl: is none, and kafka-user and kafka-password-file are for the others: plain, scram-sha-256, scram-sha-512 or aws-msk-iam", brokers, "kafka-user=a")
	f("--kafka-sasl: needs kafka-user and kafka-password-file as well", brokers, "kafka-sasl=plain", "kafka-user=a")
	f("want none, plain, scram-sha-256, scram-sha-512 or aws-msk-iam", brokers, "kafka-sasl=gssapi")
	if _, err := resolve([]string{brokers, "kafka-tenant=a b"}, nil, ""); err == nil || !strings.Contains(err.Error(), "--kafka-tenant: ") {
		t.Errorf("a tenant that cannot be: %v", err)
	}
}
