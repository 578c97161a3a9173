// How to send traces, per language, with the real addresses filled in.

/** Doors are the addresses a sender uses: host:port. */
export interface Doors {
  grpc: string;
  http: string;
}

export interface Snippet {
  name: string;
  steps: { title: string; code: string }[];
}

/** snippets gives each language its shortest way to a first trace. */
export function snippets(doors: Doors): Snippet[] {
  const http = `http://${doors.http}`;
  return [
    node(http),
    python(http),
    java(http),
    go(http),
    dotnet(doors),
    rust(doors),
    collector(doors),
    curl(http),
  ];
}

function node(http: string): Snippet {
  return {
    name: "Node",
    steps: [
      {
        title: "Add the SDK with its automatic instrumentation",
        code: "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node",
      },
      {
        title: "Start your program with it",
        code: `OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=${http} \\
node --require @opentelemetry/auto-instrumentations-node/register app.js`,
      },
    ],
  };
}

function python(http: string): Snippet {
  return {
    name: "Python",
    steps: [
      {
        title: "Add the SDK and the instrumentation of what you use",
        code: "pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install",
      },
      {
        title: "Start your program with it",
        code: `OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_EXPORTER_OTLP_ENDPOINT=${http} \\
opentelemetry-instrument python app.py`,
      },
    ],
  };
}

function java(http: string): Snippet {
  return {
    name: "Java",
    steps: [
      {
        title: "Get the agent",
        code: "curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar",
      },
      {
        title: "Start your program with it",
        code: `OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=${http} \\
java -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
      },
    ],
  };
}

function go(http: string): Snippet {
  return {
    name: "Go",
    steps: [
      {
        title: "Add the SDK",
        code: "go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp",
      },
      {
        title: "Set it up first thing in main",
        code: `exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL("${http}"))
if err != nil {
	log.Fatal(err)
}
provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
defer provider.Shutdown(ctx)
otel.SetTracerProvider(provider)

ctx, span := otel.Tracer("my-service").Start(ctx, "first span")
defer span.End()`,
      },
      { title: "Name the service", code: "OTEL_SERVICE_NAME=my-service go run ." },
    ],
  };
}

function dotnet(doors: Doors): Snippet {
  return {
    name: ".NET",
    steps: [
      {
        title: "Add the SDK",
        code: "dotnet add package OpenTelemetry.Extensions.Hosting\ndotnet add package OpenTelemetry.Exporter.OpenTelemetryProtocol\ndotnet add package OpenTelemetry.Instrumentation.AspNetCore",
      },
      {
        title: "Set it up in Program.cs",
        code: `builder.Services.AddOpenTelemetry()
    .ConfigureResource(r => r.AddService("my-service"))
    .WithTracing(t => t
        .AddAspNetCoreInstrumentation()
        .AddOtlpExporter(o => o.Endpoint = new Uri("http://${doors.grpc}")));`,
      },
    ],
  };
}

function rust(doors: Doors): Snippet {
  return {
    name: "Rust",
    steps: [
      {
        title: "Add the SDK",
        code: "cargo add opentelemetry opentelemetry_sdk --features rt-tokio\ncargo add opentelemetry-otlp --features grpc-tonic",
      },
      {
        title: "Set it up first thing in main",
        code: `let exporter = opentelemetry_otlp::SpanExporter::builder()
    .with_tonic()
    .with_endpoint("http://${doors.grpc}")
    .build()?;
let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
    .with_batch_exporter(exporter)
    .build();
opentelemetry::global::set_tracer_provider(provider.clone());`,
      },
    ],
  };
}

function collector(doors: Doors): Snippet {
  return {
    name: "Collector",
    steps: [
      {
        title: "Add an exporter to the Collector's configuration",
        code: `exporters:
  otlp/clew:
    endpoint: ${doors.grpc}
    compression: zstd
    tls:
      insecure: true

service:
  pipelines:
    traces:
      exporters: [otlp/clew]`,
      },
    ],
  };
}

function curl(http: string): Snippet {
  return {
    name: "curl",
    steps: [
      {
        title: "Send one span by hand",
        code: `now=$(date +%s)
curl ${http}/v1/traces -H 'Content-Type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "by-hand"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(openssl rand -hex 16)'", "spanId": "'$(openssl rand -hex 8)'",
      "name": "hello clew", "kind": 1,
      "startTimeUnixNano": "'$now'000000000", "endTimeUnixNano": "'$now'250000000"
    }]}]
  }]
}'`,
      },
    ],
  };
}
