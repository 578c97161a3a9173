package view

import (
	"slices"
	"strings"

	"github.com/clew-tracing/clew/format/xray"
)

// The attributes that name what is asked of AWS: by the names of X-Ray's own spans first, then by
// those that instrumentations have.
var (
	tableKeys    = []string{"aws.table_name", "aws.table.name"}
	queueURLKeys = []string{"aws.queue_url", "aws.sqs.queue.url", "aws.queue.url", "aws.sqs.queue_url", "messaging.url"}
	queueKeys    = []string{"aws.queue_name", "aws.xray.aws.queue_name", "aws.sqs.queue.name", "aws.queue.name"}
	topicARNKeys = []string{"aws.sns.topic.arn", "aws.topic.arn", "aws.sns.topic_arn"}
	bucketKeys   = []string{"aws.s3.bucket", "aws.bucket.name"}
	functionKeys = []string{"faas.invoked_name"}
	arnKeys      = []string{"aws.lambda.invoked_arn"}
	topicKeys    = []string{"messaging.destination.name", "messaging.destination"}
	tablesKey    = "aws.dynamodb.table_names"
	resourcesKey = "aws.xray.resource_names"

	// resourceKey and resourceTypeKey are how AWS' distribution of OpenTelemetry tells what is
	// asked, whatever it is.
	resourceKey     = "aws.remote.resource.identifier"
	resourceTypeKey = "aws.remote.resource.type"
)

// NameKeys are the attributes of a span that a segment, a call or its node may be named after,
// besides the span's own name and its service. Of PartKeys it is the whole or what is behind the
// last / or :, of ListKeys the first element.
var (
	NameKeys = slices.Concat([]string{
		"aws.local.service", "aws.remote.service", "peer.service", "aws.service", "db.namespace", "db.name", "rpc.service", "http.host", "server.address", "net.peer.name", resourceKey,
	}, topicKeys, tableKeys, queueKeys, bucketKeys, functionKeys)
	PartKeys = slices.Concat(queueURLKeys, topicARNKeys, arnKeys)
	ListKeys = []string{tablesKey, resourcesKey}
)

// call says whom a call asks.
func (b *Builder) call(e *Entity, f *facts) {
	e.Node = Node{e.Name, TypeRemote, f.Text("aws.account_id")}
	switch {
	case e.Namespace == "aws":
		ofAWS(e, f)
	case e.SQL:
		e.Node.Type = TypeDatabase
	default:
		if topic := xray.GoodName(f.Text(topicKeys...)); topic != "" && !e.Born {
			e.Node.Name = topic
		}
	}
}

// ofAWS says which resource of which service of AWS is asked.
func ofAWS(e *Entity, f *facts) {
	service := serviceOf(e.Name)
	name, kind := "", "AWS::"+service
	switch strings.ToLower(service) {
	case "dynamodb":
		if name, kind = first(f.Text(tableKeys...), f.first(tablesKey), f.first(resourcesKey)), "AWS::DynamoDB"; name != "" {
			kind = "AWS::DynamoDB::Table"
		}
	case "sqs":
		e.Alias = f.Text(queueURLKeys...)
		if name, kind = first(lastPart(e.Alias, "/"), f.Text(queueKeys...), f.first(resourcesKey)), "AWS::SQS"; name != "" {
			kind = "AWS::SQS::Queue"
		}
	case "sns":
		e.Alias, kind = f.Text(topicARNKeys...), "AWS::SNS"
		name = first(lastPart(e.Alias, ":"), f.first(resourcesKey))
	case "s3":
		if name, kind = first(f.Text(bucketKeys...), f.first(resourcesKey)), "AWS::S3"; name != "" {
			kind = "AWS::S3::Bucket"
		}
	case "lambda":
		name, kind = first(f.Text(functionKeys...), lastPart(f.Text(arnKeys...), ":")), "AWS::Lambda"
	}
	if said := f.Text(resourceTypeKey); name == "" && !e.Born && strings.HasPrefix(said, "AWS::") {
		if name = f.Text(resourceKey); name != "" {
			kind = said
		}
	}
	if name = xray.GoodName(name); name != "" {
		e.Node.Name = name
	}
	e.Node.Type = kind
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// serviceOf is the name of a service of AWS without what SDKs put around it: DynamoDB of
// AmazonDynamoDBv2 and AWS::DynamoDB.
func serviceOf(name string) string {
	for _, prefix := range [...]string{"AWS::", "Amazon", "AWS", "aws.", "amazon"} {
		if rest := strings.TrimPrefix(name, prefix); rest != name && rest != "" {
			name = strings.TrimSpace(rest)
			break
		}
	}
	name, _, _ = strings.Cut(name, "::")
	if len(name) > 2 && (strings.HasSuffix(name, "v2") || strings.HasSuffix(name, "V2")) {
		name = name[:len(name)-2]
	}
	return name
}

func lastPart(s, sep string) string { return s[strings.LastIndex(s, sep)+1:] }

// leanKeys are the attributes that Columns asks for.
var leanKeys = slices.Concat([]string{
	"aws.xray.form", "aws.xray.namespace", "aws.xray.error", "aws.xray.throttle", "aws.xray.fault", "aws.xray.inferred", "aws.xray.origin",
	"db.system", "db.system.name", "db.statement", "db.connection_string", "aws.xray.sql.url", "aws.xray.sql.connection_string",
	"aws.span.kind", "rpc.system", "http.response.status_code", "http.status_code", "aws.account_id", resourceTypeKey,
}, NameKeys, PartKeys, ListKeys)
