package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
)

// KafkaEncodings are what the messages of a topic may be.
var KafkaEncodings = []string{"jaeger_json", "jaeger_proto", "jaeger_thrift", "otlp_json", "otlp_proto", "xray", "zipkin_json", "zipkin_proto", "zipkin_thrift"}

// KafkaSASL are the ways to show brokers who the server is.
var KafkaSASL = []string{"none", "plain", "scram-sha-256", "scram-sha-512", "aws-msk-iam"}

// Kafka holds the settings of the door for topics of Kafka.
type Kafka struct {
	Brokers  Brokers // none: the door is closed
	Topics   Topics
	Encoding Choice
	Group    Text
	Tenant   Text // "*": the header of each message names it
	From     Choice
	Bad      Choice

	TLS                    Flag
	TLSCA, TLSCert, TLSKey Text
	SASL                   Choice
	User, PasswordFile     Text
}

func defaultKafka() Kafka {
	return Kafka{
		Topics:   Topics{{Name: "otlp_spans"}},
		Encoding: Choice{Word: "otlp_proto", Of: KafkaEncodings},
		Group:    "clew",
		Tenant:   AnyTenant,
		From:     Choice{Word: "start", Of: []string{"start", "end"}},
		Bad:      Choice{Word: "skip", Of: []string{"skip", "stop"}},
		SASL:     Choice{Word: "none", Of: KafkaSASL},
	}
}

func kafkaSettings() []Setting {
	const group = "Kafka"
	return []Setting{
		{Name: "kafka-brokers", Group: group, Scope: Server,
			Help:  "The brokers of Kafka to take spans from, each as host:port; docs/reference/kafka.md says how. Without any, none are taken from there.",
			field: func(c *Config) Value { return &c.Kafka.Brokers }},
		{Name: "kafka-topics", Group: group, Scope: Server,
			Help:  "The topics, each as NAME, or as NAME=ENCODING where its messages are not what kafka-encoding says.",
			field: func(c *Config) Value { return &c.Kafka.Topics }},
		{Name: "kafka-encoding", Group: group, Scope: Server,
			Help:  "What the messages of the topics are, by the names of OpenTelemetry's collector; jaeger_thrift (a batch) and xray (a segment document) are none of its.",
			field: func(c *Config) Value { return &c.Kafka.Encoding }},
		{Name: "kafka-group", Group: group, Scope: Server,
			Help:  "The consumer group that the server is a member of. The members of one share the partitions among them.",
			field: func(c *Config) Value { return &c.Kafka.Group }},
		{Name: "kafka-tenant", Group: group, Scope: Server,
			Help:  "Whose the spans are. * takes the tenant from the header X-Scope-OrgID of each message, and default where it has none.",
			field: func(c *Config) Value { return &c.Kafka.Tenant }},
		{Name: "kafka-from", Group: group, Scope: Server,
			Help:  "Where a partition is begun of which the group has committed nothing yet.",
			field: func(c *Config) Value { return &c.Kafka.From }},
		{Name: "kafka-bad", Group: group, Scope: Server,
			Help:  "What is done at a message that is not what its topic's are said to be. skip leaves it out, counts and logs it; stop has its partition stand still there, and the log says so every minute.",
			field: func(c *Config) Value { return &c.Kafka.Bad }},
		{Name: "kafka-tls", Group: group, Scope: Server,
			Help:  "Speak TLS with the brokers.",
			field: func(c *Config) Value { return &c.Kafka.TLS }},
		{Name: "kafka-tls-ca", Group: group, Scope: Server,
			Help:  "A PEM file with the certificates by which brokers are trusted, in place of the system's.",
			field: func(c *Config) Value { return &c.Kafka.TLSCA }},
		{Name: "kafka-tls-cert", Group: group, Scope: Server,
			Help:  "A PEM file with the certificate that brokers are shown.",
			field: func(c *Config) Value { return &c.Kafka.TLSCert }},
		{Name: "kafka-tls-key", Group: group, Scope: Server,
			Help:  "A PEM file with the private key of kafka-tls-cert.",
			field: func(c *Config) Value { return &c.Kafka.TLSKey }},
		{Name: "kafka-sasl", Group: group, Scope: Server,
			Help:  "How brokers are shown who the server is.",
			field: func(c *Config) Value { return &c.Kafka.SASL }},
		{Name: "kafka-user", Group: group, Scope: Server,
			Help:  "The user for kafka-sasl; with aws-msk-iam the id of an access key.",
			field: func(c *Config) Value { return &c.Kafka.User }},
		{Name: "kafka-password-file", Group: group, Scope: Server,
			Help:  "A file whose first line is the password of kafka-user; with aws-msk-iam the secret of the access key, and in a second line the token of a session. It is read for every connection.",
			field: func(c *Config) Value { return &c.Kafka.PasswordFile }},
	}
}

// validateKafka checks what one setting alone cannot know. bad makes an error of a setting.
func (r *Resolved) validateKafka(bad func(name, format string, args ...any) error) error {
	k := &r.Kafka
	if len(k.Brokers) == 0 {
		for _, s := range kafkaSettings() {
			if s.Show(&r.Config) != s.Default() {
				return bad(s.Name, "needs kafka-brokers as well")
			}
		}
		return nil
	}
	switch {
	case len(k.Topics) == 0:
		return bad("kafka-topics", "names no topic; leave it out for otlp_spans")
	case k.Group == "":
		return bad("kafka-group", "names no group; leave it out for clew")
	case !bool(k.TLS) && (k.TLSCA != "" || k.TLSCert != "" || k.TLSKey != ""):
		return bad("kafka-tls", "is what kafka-tls-ca, kafka-tls-cert and kafka-tls-key need: set it to true")
	case (k.TLSCert == "") != (k.TLSKey == ""):
		return bad("kafka-tls-cert", "goes with kafka-tls-key; give both")
	case k.SASL.Word == "none" && (k.User != "" || k.PasswordFile != ""):
		return bad("kafka-sasl", "is none, and kafka-user and kafka-password-file are for the others: %s", orList(KafkaSASL[1:]))
	case k.SASL.Word != "none" && (k.User == "" || k.PasswordFile == ""):
		return bad("kafka-sasl", "needs kafka-user and kafka-password-file as well")
	case k.Tenant == AnyTenant:
		return nil
	}
	if _, err := clew.ParseTenant(string(k.Tenant)); err != nil {
		return bad("kafka-tenant", "%w", err)
	}
	return nil
}

// Brokers is a list of host:port.
type Brokers []string

// Set replaces the list.
func (v *Brokers) Set(text string) error {
	var list List
	if err := list.Set(text); err != nil {
		return err
	}
	for _, word := range list {
		host, port, err := net.SplitHostPort(word)
		var p Port
		if err != nil || host == "" || p.Set(port) != nil || p.N == 0 {
			return fmt.Errorf("%q is no broker: want host:port, such as kafka.example:9092", word)
		}
	}
	*v = Brokers(list)
	return nil
}

// String joins the words with commas.
func (v *Brokers) String() string { return (*List)(v).String() }

// Type returns "list".
func (v *Brokers) Type() string { return "list" }

// Topic is one of Kafka's, and what its messages are where that is said of it alone.
type Topic struct{ Name, Encoding string }

// Topics is a list of them, each as NAME or NAME=ENCODING.
type Topics []Topic

// Set replaces the list. No topic may be there twice.
func (v *Topics) Set(text string) error {
	var list List
	if err := list.Set(text); err != nil {
		return err
	}
	*v = nil
	for _, word := range list {
		name, encoding, said := strings.Cut(word, "=")
		switch {
		case name == "" || len(name) > maxTopicBytes || strings.Trim(name, topicLetters) != "":
			return fmt.Errorf("%q is no topic: want letters, digits, dots, dashes and underscores, at most %d", name, maxTopicBytes)
		case said && !slices.Contains(KafkaEncodings, encoding):
			return fmt.Errorf("the encoding of %s: want %s", name, orList(KafkaEncodings))
		case slices.ContainsFunc(*v, func(t Topic) bool { return t.Name == name }):
			return fmt.Errorf("the topic %s is named twice", name)
		}
		*v = append(*v, Topic{name, encoding})
	}
	return nil
}

// String returns the text Set reads.
func (v *Topics) String() string {
	var words []string
	for _, t := range *v {
		if t.Encoding != "" {
			t.Name += "=" + t.Encoding
		}
		words = append(words, t.Name)
	}
	return strings.Join(words, ",")
}

// Type returns "list".
func (v *Topics) Type() string { return "list" }
