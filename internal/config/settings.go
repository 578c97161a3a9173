package config

import (
	"log/slog"
	"slices"
	"strings"
)

// Scope says which commands know a setting.
type Scope uint8

const (
	// Server settings belong to serve, and to demo where it serves.
	Server Scope = 1 << iota
	// Client settings belong to the commands that ask a running server.
	Client
	// Sender settings belong to the commands that send spans to a server.
	Sender
)

// Setting declares one setting.
type Setting struct {
	// Name is the flag and the key of the file: lower-case words with dashes.
	Name string
	// Group is the heading the reference lists it under.
	Group string
	Scope Scope
	// Reloadable settings are taken by a running server on SIGHUP.
	Reloadable bool
	// Secret settings are never printed.
	Secret bool
	// Help is one sentence or two, without the default.
	Help string

	field func(*Config) Value
}

// Env returns the name of the setting's environment variable.
func (s Setting) Env() string {
	return envPrefix + strings.ReplaceAll(strings.ToUpper(s.Name), "-", "_")
}

// Default returns the value nobody has set, as text.
func (s Setting) Default() string { return s.field(defaults()).String() }

// Type names the kind of value in one word.
func (s Setting) Type() string { return s.field(defaults()).Type() }

// Scratch returns a value of the setting's type that belongs to no Config, for
// checking text before it counts.
func (s Setting) Scratch() Value { return s.field(defaults()) }

// Show returns the setting's value in c as text for people: secrets as ***.
func (s Setting) Show(c *Config) string {
	text := s.field(c).String()
	if s.Secret && text != "" {
		return "***"
	}
	return text
}

const envPrefix = "CLEW_"

// Config holds the value of every setting. It is made by Resolve and read-only
// afterwards.
type Config struct {
	Data       Text
	Retention  Duration
	MaxDisk    Size
	Durability Choice
	// DurabilityInterval counts with durability interval.
	DurabilityInterval Duration
	WALWindow          Duration
	Memory             Size
	MaxRequest         Size
	// MaxInflight is in bytes of requests, packed and unpacked.
	MaxInflight Size

	QueryMaxTime  Duration
	QueryMaxBytes Size
	// QueryConcurrency is how many questions run at once.
	QueryConcurrency Count

	Listen         List
	ListenAll      Flag
	HTTPPort       Port
	OTLPGRPCPort   Port
	OTLPHTTPPort   Port
	JaegerPort     Port
	JaegerGRPCPort Port
	ZipkinPort     Port
	XRayPort       Port
	XRayUDPPort    Port

	JaegerPostPort, JaegerThriftPort, JaegerCompactPort, JaegerBinaryPort, JaegerSamplingPort, JaegerSamplingGRPCPort Port

	TempoPort     Port
	PromPort      Port
	AddressesFile Text
	CORSOrigins   Origins
	TLSCert       Text
	TLSKey        Text
	Tokens        Tokens
	XRayKeys      Text

	Kafka Kafka
	// Pipeline is empty where requests are stored as they come.
	Pipeline Text

	LogLevel  Level
	LogFormat Choice
	Demo      Flag
	// DemoRate is in spans per second.
	DemoRate Count

	Server Text
	Tenant Text
	Token  Text
	// OTLPEndpoint is empty where the server is to be asked.
	OTLPEndpoint Text
}

func defaults() *Config {
	return &Config{
		Data:       "data",
		Retention:  Duration{D: defaultRetention, Min: minRetention},
		MaxDisk:    Size{Auto: true, CanAuto: true, Min: minMaxDisk},
		Durability: Choice{Word: "sync", Of: []string{"sync", "interval", "os"}},
		WALWindow:  Duration{D: defaultWALWindow, Max: maxWALWindow},

		DurabilityInterval: Duration{D: defaultDurabilityInterval, Min: minDurabilityInterval, Max: maxDurabilityInterval},

		Memory:      Size{Auto: true, CanAuto: true, Min: minMemory},
		MaxRequest:  Size{Auto: true, CanAuto: true, Min: 1 << 10},
		MaxInflight: Size{Auto: true, CanAuto: true, Min: 1 << 20},

		QueryMaxTime:     Duration{D: defaultQueryTime, Min: minQueryTime, Max: maxQueryTime},
		QueryMaxBytes:    Size{Bytes: defaultQueryBytes, Min: minQueryBytes},
		QueryConcurrency: Count{Auto: true, CanAuto: true, Min: 1, Max: maxQueryConcurrency},

		Listen:         List{"127.0.0.1", "::1"},
		HTTPPort:       Port{N: defaultHTTPPort},
		OTLPGRPCPort:   Port{N: 4317, CanOff: true},
		OTLPHTTPPort:   Port{N: 4318, CanOff: true},
		JaegerPort:     Port{N: 16686, CanOff: true},
		JaegerGRPCPort: Port{N: 16685, CanOff: true},
		ZipkinPort:     Port{N: 9411, CanOff: true},
		XRayPort:       Port{N: 2000, CanOff: true},
		XRayUDPPort:    Port{N: 2000, CanOff: true},

		JaegerPostPort:         Port{N: 14250, CanOff: true},
		JaegerThriftPort:       Port{N: 14268, CanOff: true},
		JaegerCompactPort:      Port{N: 6831, CanOff: true},
		JaegerBinaryPort:       Port{N: 6832, CanOff: true},
		JaegerSamplingPort:     Port{N: 5778, CanOff: true},
		JaegerSamplingGRPCPort: Port{N: 5779, CanOff: true},

		Kafka: defaultKafka(),

		TempoPort: Port{N: 3200, CanOff: true},
		PromPort:  Port{N: 9090, CanOff: true},
		LogLevel:  Level{L: slog.LevelInfo},
		LogFormat: Choice{Word: "text", Of: []string{"text", "json"}},
		DemoRate:  Count{N: defaultDemoRate, Min: 1, Max: maxDemoRate},
		Server:    "http://localhost:4300",
		Tenant:    "default",
	}
}

// Settings returns the table, in the order of the reference.
func Settings() []Setting {
	return slices.Concat(storeSettings(), querySettings(), addressSettings(), kafkaSettings(), serverSettings(), clientSettings())
}

func storeSettings() []Setting {
	const group = "Store"
	return []Setting{
		{Name: "data", Group: group, Scope: Server,
			Help:  "The folder of the store. It is created, and locked while a server uses it.",
			field: func(c *Config) Value { return &c.Data }},
		{Name: "retention", Group: group, Scope: Server, Reloadable: true,
			Help:  "How long spans are kept, counted from their arrival.",
			field: func(c *Config) Value { return &c.Retention }},
		{Name: "max-disk", Group: group, Scope: Server, Reloadable: true,
			Help:  "How much disk the store may use; beyond it the oldest spans go first. auto is the smaller of 50GB and 20 % of the file system, 64MiB at least. It is looked at after every seal and every five seconds, and the log's next file (a sixteenth of it, 16 MiB at most) is counted beforehand: under load it may be exceeded by what comes meanwhile, by the log of spans that are not in segments yet and by a merge that is being written, some 48 MiB more; leave room for that.",
			field: func(c *Config) Value { return &c.MaxDisk }},
		{Name: "durability", Group: group, Scope: Server,
			Help:  "When a reply leaves. sync: after its spans are on disk; no acknowledged span is ever lost. interval: after they are written, and at least every durability-interval they are put on disk; a power cut or a crash of the machine may take what was acknowledged since. os: after they are written, and the operating system decides when they reach the disk; a power cut may take the last half minute and more. kill -9 loses nothing at any of them.",
			field: func(c *Config) Value { return &c.Durability }},
		{Name: "durability-interval", Group: group, Scope: Server,
			Help:  "With durability interval: how old an acknowledged span may grow before it is put on disk.",
			field: func(c *Config) Value { return &c.DurabilityInterval }},
		{Name: "wal-window", Group: group, Scope: Server,
			Help:  "With durability sync: how long a commit waits for more requests to share its sync to disk. 0s syncs at once. The reply leaves after the sync.",
			field: func(c *Config) Value { return &c.WALWindow }},
		{Name: "memory", Group: group, Scope: Server,
			Help:  "How much memory the process aims to stay within, pages of the program included; docs/reference/memory.md says what takes how much of it. auto is a quarter of the machine's memory, or three fifths of a container's limit, at most 2GiB and at least 48MB.",
			field: func(c *Config) Value { return &c.Memory }},
		{Name: "max-request", Group: group, Scope: Server,
			Help:  "The largest request taken at a door, after decompression. auto is 64MiB, or an eighth of memory where that is less.",
			field: func(c *Config) Value { return &c.MaxRequest }},
		{Name: "max-inflight", Group: group, Scope: Server,
			Help:  "How many bytes of requests, as they came, unpacked and parsed, the doors work on at once; more requests are told to come again later. auto is an eighth of memory, at most 256MiB.",
			field: func(c *Config) Value { return &c.MaxInflight }},
	}
}

func querySettings() []Setting {
	const group = "Queries"
	return []Setting{
		{Name: "query-max-time", Group: group, Scope: Server,
			Help:  "How long one query may run. Then it answers with what it has found, marked as partial, and says why. 30s is what people and their proxies wait for.",
			field: func(c *Config) Value { return &c.QueryMaxTime }},
		{Name: "query-max-bytes", Group: group, Scope: Server,
			Help:  "How many bytes of the store's files one query may look at, unpacked or in memory; beyond it the answer is partial and says why. The default is what a core can look at within 30s at its best, so that the time ends a query first: lower it where queries must leave the disk to others.",
			field: func(c *Config) Value { return &c.QueryMaxBytes }},
		{Name: "query-concurrency", Group: group, Scope: Server,
			Help:  "How many queries run at once, of all APIs together; 32 times as many wait for their turn, for 5 s at most, and who comes then gets 429 with Retry-After. auto is 16, or as many as there is memory for where that is less (docs/reference/memory.md). Those that run share the memory for what queries remember: more of them have less each.",
			field: func(c *Config) Value { return &c.QueryConcurrency }},
	}
}

func addressSettings() []Setting {
	return slices.Concat(ownAddressSettings(), jaegerClientSettings(), otherAddressSettings())
}

// addressGroup is where settings of addresses stand.
const addressGroup = "Addresses"

// jaegerClientSettings are the ports that Jaeger's clients have baked in.
func jaegerClientSettings() []Setting {
	const group = addressGroup
	return []Setting{
		{Name: "jaeger-collector-grpc-port", Group: group, Scope: Server,
			Help:  "The port where Jaeger's agents and collectors send spans over gRPC. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerPostPort }},
		{Name: "jaeger-collector-http-port", Group: group, Scope: Server,
			Help:  "The port where Jaeger's clients send spans over HTTP, in Thrift. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerThriftPort }},
		{Name: "jaeger-agent-compact-port", Group: group, Scope: Server,
			Help:  "The port where Jaeger's clients send spans in datagrams, in Thrift's compact protocol, as to Jaeger's agent. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerCompactPort }},
		{Name: "jaeger-agent-binary-port", Group: group, Scope: Server,
			Help:  "The port where Jaeger's clients send spans in datagrams, in Thrift's binary protocol, as to Jaeger's agent. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerBinaryPort }},
		{Name: "jaeger-sampling-port", Group: group, Scope: Server,
			Help:  "The port where Jaeger's clients and OpenTelemetry's remote samplers ask for sampling strategies over HTTP, as of Jaeger's agent. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerSamplingPort }},
		{Name: "jaeger-sampling-grpc-port", Group: group, Scope: Server,
			Help:  "The port where Jaeger's agents and collectors ask for sampling strategies over gRPC. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerSamplingGRPCPort }},
	}
}

func ownAddressSettings() []Setting {
	const group = addressGroup
	return []Setting{
		{Name: "listen", Group: group, Scope: Server,
			Help:  "The hosts to listen on. The default is this machine alone.",
			field: func(c *Config) Value { return &c.Listen }},
		{Name: "listen-all", Group: group, Scope: Server,
			Help:  "Listen on every interface, so that other machines reach the page and the doors. Set tokens and TLS as well.",
			field: func(c *Config) Value { return &c.ListenAll }},
		{Name: "http-port", Group: group, Scope: Server,
			Help:  "The port of the page and the read API. 0 takes any free port.",
			field: func(c *Config) Value { return &c.HTTPPort }},
		{Name: "otlp-grpc-port", Group: group, Scope: Server,
			Help:  "The port of the OTLP door for gRPC. 0 takes any free port, off opens none.",
			field: func(c *Config) Value { return &c.OTLPGRPCPort }},
		{Name: "otlp-http-port", Group: group, Scope: Server,
			Help:  "The port of the OTLP door for HTTP. 0 takes any free port, off opens none.",
			field: func(c *Config) Value { return &c.OTLPHTTPPort }},
		{Name: "jaeger-port", Group: group, Scope: Server,
			Help:  "The port of Jaeger's query API, which is under /jaeger on the page's port as well. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerPort }},
		{Name: "jaeger-grpc-port", Group: group, Scope: Server,
			Help:  "The port of Jaeger's query API over gRPC, which is on the page's port as well. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.JaegerGRPCPort }},
		{Name: "zipkin-port", Group: group, Scope: Server,
			Help:  "The port where Zipkin's clients send spans and ask for traces, which is under /zipkin on the page's port as well. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.ZipkinPort }},
		{Name: "xray-port", Group: group, Scope: Server,
			Help:  "The port where AWS X-Ray's clients put segments over HTTP, which is under /xray on the page's port as well. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.XRayPort }},
		{Name: "xray-udp-port", Group: group, Scope: Server,
			Help:  "The port where AWS X-Ray's SDKs send segments in datagrams, as to X-Ray's daemon. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.XRayUDPPort }},
	}
}

func otherAddressSettings() []Setting {
	const group = addressGroup
	return []Setting{
		{Name: "tempo-port", Group: group, Scope: Server,
			Help:  "The port of Grafana Tempo's API, which is under /tempo on the page's port as well. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.TempoPort }},
		{Name: "prometheus-port", Group: group, Scope: Server,
			Help:  "The port of Prometheus' query API, which is under /prometheus on the page's port as well. 0 takes any free port, off opens none; one that is taken is left to whoever has it, with a warning.",
			field: func(c *Config) Value { return &c.PromPort }},
		{Name: "addresses-file", Group: group, Scope: Server,
			Help:  "A file to write the opened addresses to, as JSON, once the server is ready; for scripts that start it on port 0.",
			field: func(c *Config) Value { return &c.AddressesFile }},
		{Name: "cors-origins", Group: group, Scope: Server,
			Help:  "The origins whose pages may send spans from a browser, such as https://shop.example; * is every origin.",
			field: func(c *Config) Value { return &c.CORSOrigins }},
		{Name: "tls-cert", Group: group, Scope: Server,
			Help:  "A PEM file with the certificate chain. With tls-key, every address speaks TLS. On SIGHUP both files are read again.",
			field: func(c *Config) Value { return &c.TLSCert }},
		{Name: "tls-key", Group: group, Scope: Server,
			Help:  "A PEM file with the private key of tls-cert.",
			field: func(c *Config) Value { return &c.TLSKey }},
		{Name: "tokens", Group: group, Scope: Server, Secret: true, Reloadable: true,
			Help:  "Bearer tokens, each as TENANT:RIGHTS:SECRET with rights out of write, read and admin joined by +, for example shop:write+read:s3cret. Tenant * takes the tenant from the request's X-Scope-OrgID. Once one is set, every door and every API asks for a token. The page has a form for it: it keeps the token for the browser's tab, or for the browser if that is ticked, and sends it as Authorization: Bearer.",
			field: func(c *Config) Value { return &c.Tokens }},
		{Name: "xray-keys-file", Group: group, Scope: Server,
			Help:  "A file of access keys, one a line, each as TENANT:RIGHTS:ID:SECRET as in tokens. With it X-Ray's API asks for requests that are signed with one of them, as AWS's clients sign them (Signature Version 4); without it signatures are not looked at. Other APIs ask for tokens. On SIGHUP the file is read again.",
			field: func(c *Config) Value { return &c.XRayKeys }},
	}
}

func serverSettings() []Setting {
	return []Setting{
		{Name: "pipeline", Group: "Pipeline", Scope: Server, Reloadable: true,
			Help:  "A YAML file that says how spans are changed before they are stored: names of services, attributes from tables, OTTL statements, spans to drop, what to redact (docs/reference/pipeline.md). On SIGHUP it is read again, and the tables it names; a file that is wrong then leaves the one before. clew pipeline test tries one out.",
			field: func(c *Config) Value { return &c.Pipeline }},
		{Name: "log-level", Group: "Logging", Scope: Server, Reloadable: true,
			Help:  "The least severe record that is logged.",
			field: func(c *Config) Value { return &c.LogLevel }},
		{Name: "log-format", Group: "Logging", Scope: Server,
			Help:  "The form of the log on standard error.",
			field: func(c *Config) Value { return &c.LogFormat }},
		{Name: "demo", Group: "Demo", Scope: Server,
			Help:  "Run the demo shop beside the server; its spans come in through the OTLP door like anybody's.",
			field: func(c *Config) Value { return &c.Demo }},
		{Name: "demo-rate", Group: "Demo", Scope: Server,
			Help:  "How many spans per second the demo shop makes.",
			field: func(c *Config) Value { return &c.DemoRate }},
	}
}

func clientSettings() []Setting {
	const group = "Client commands"
	return []Setting{
		{Name: "server", Group: group, Scope: Client,
			Help:  "The address of the server to ask, such as localhost:4300 or https://clew.example. Without a scheme it is http.",
			field: func(c *Config) Value { return &c.Server }},
		{Name: "tenant", Group: group, Scope: Client,
			Help:  "Whose traces to ask for.",
			field: func(c *Config) Value { return &c.Tenant }},
		{Name: "token", Group: group, Scope: Client, Secret: true,
			Help:  "The bearer token to show the server. Prefer the variable: flags are visible to every user of the machine.",
			field: func(c *Config) Value { return &c.Token }},
		{Name: "otlp-endpoint", Group: group, Scope: Sender,
			Help:  "The OTLP door to send spans to, such as localhost:4318; for demo, which speaks gRPC, localhost:4317. Without it the server is asked for its door.",
			field: func(c *Config) Value { return &c.OTLPEndpoint }},
	}
}

// Lookup returns the setting of that name.
func Lookup(name string) (Setting, bool) {
	for _, s := range Settings() {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}
