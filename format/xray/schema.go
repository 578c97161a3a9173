package xray

// kind is how a value is read and written.
type kind uint8

const (
	kindText kind = iota
	kindInt
	kindBool
	kindTexts   // a list of texts
	kindIntText // a number whose attribute is a text
	kindObject

	// What follows has code of its own.
	kindName
	kindID
	kindTraceID
	kindParentID
	kindStart
	kindEnd
	kindInProgress
	kindType
	kindSubsegments
	kindAnnotations
	kindMetadata
	kindLinks
	kindCause
	kindExceptions
	kindLogs
	kindURL
)

// object is one kind of JSON object within a document.
type object uint8

const (
	objService object = iota
	objHTTP
	objRequest
	objResponse
	objAWS
	objEC2
	objECS
	objEKS
	objBeanstalk
	objSDK
	objGateway
	objSQL
	objCause
	objSegment // behind the others, since of fields with one attribute the first counts
	objAnnotations
	objMetadata
	objectCount
)

// field is a key of an object.
type field struct {
	name string
	kind kind
	// of is, of an object, which one.
	of object
	// attr is the attribute of the span, resource the one of the resource instead.
	attr, resource string
	// own is the name below aws.xray that a field has besides where several have one
	// attribute: the first of them in the schema is the one that the attribute is of, and
	// where another of them is there too, or instead, each has its own.
	own string

	in    object // that it is a key of
	group int    // of fields with one attribute, 0: none shares it
	first bool   // of its group
}

// keys returns the attribute of a field, and whether it is the resource's.
func (f *field) key() (key string, resource bool) {
	if f.resource != "" {
		return f.resource, true
	}
	return f.attr, false
}

// sharedRegion and the others are attributes of several fields.
const (
	sharedTraced    = "aws.xray.traced"
	sharedVersion   = "service.version"
	sharedRegion    = "aws.region"
	sharedZone      = "cloud.availability_zone"
	sharedContainer = "container.id"
)

var schema = [objectCount][]field{
	objSegment: {
		{name: "id", kind: kindID},
		{name: "name", kind: kindName},
		{name: "start_time", kind: kindStart},
		{name: "parent_id", kind: kindParentID},
		{name: "in_progress", kind: kindInProgress, attr: "aws.xray.inprogress"},
		{name: "end_time", kind: kindEnd},
		{name: "trace_id", kind: kindTraceID},
		{name: "type", kind: kindType},
		{name: "namespace", attr: "aws.xray.namespace"},
		{name: "http", kind: kindObject, of: objHTTP},
		{name: "aws", kind: kindObject, of: objAWS},
		{name: "annotations", kind: kindAnnotations},
		{name: "metadata", kind: kindMetadata},
		{name: "subsegments", kind: kindSubsegments},
		{name: "error", kind: kindBool, attr: "aws.xray.error"},
		{name: "throttle", kind: kindBool, attr: "aws.xray.throttle"},
		{name: "fault", kind: kindBool, attr: "aws.xray.fault"},
		{name: "cause", kind: kindCause, of: objCause, attr: "aws.xray.cause.id"},
		{name: "sql", kind: kindObject, of: objSQL},
		{name: "service", kind: kindObject, of: objService},
		{name: "origin", attr: "aws.xray.origin"},
		{name: "user", attr: "enduser.id"},
		{name: "resource_arn", resource: "aws.xray.resource_arn"},
		{name: "links", kind: kindLinks},
		{name: "precursor_ids", kind: kindTexts, attr: "aws.xray.precursor_ids"},
		{name: "traced", kind: kindBool, attr: sharedTraced, own: "aws.xray.segment.traced"},
		{name: "inferred", kind: kindBool, attr: "aws.xray.inferred"},
	},
	objService: {
		{name: "version", resource: sharedVersion, own: "aws.xray.service.version"},
		{name: "runtime", resource: "process.runtime.name"},
		{name: "runtime_version", resource: "process.runtime.version"},
		{name: "name", resource: "aws.xray.service.name"},
		{name: "compiler", resource: "aws.xray.service.compiler"},
		{name: "compiler_version", resource: "aws.xray.service.compiler_version"},
	},
	objHTTP: {
		{name: "request", kind: kindObject, of: objRequest},
		{name: "response", kind: kindObject, of: objResponse},
	},
	objRequest: {
		{name: "method", attr: "http.method"},
		{name: "url", attr: "http.url"},
		{name: "user_agent", attr: "http.user_agent"},
		{name: "client_ip", attr: "http.client_ip"},
		{name: "x_forwarded_for", kind: kindBool, attr: "aws.xray.x_forwarded_for"},
		{name: "traced", kind: kindBool, attr: sharedTraced, own: "aws.xray.http.traced"},
	},
	objResponse: {
		{name: "status", kind: kindInt, attr: "http.status_code"},
		{name: "content_length", kind: kindInt, attr: "http.response_content_length"},
	},
	objAWS: {
		{name: "operation", attr: "aws.operation"},
		{name: "account_id", attr: "aws.account_id"},
		{name: "region", attr: sharedRegion, own: "aws.xray.aws.region"},
		{name: "remote_region", attr: sharedRegion, own: "aws.xray.aws.remote_region"},
		{name: "request_id", attr: "aws.request_id"},
		{name: "retries", kind: kindInt, attr: "aws.xray.retries"},
		{name: "queue_url", attr: "aws.queue_url"},
		{name: "table_name", attr: "aws.table_name"},
		{name: "table_names", kind: kindTexts, attr: "aws.dynamodb.table_names"},
		{name: "resource_names", kind: kindTexts, attr: "aws.xray.resource_names"},
		{name: "topic_arn", attr: "aws.sns.topic.arn"},
		{name: "function_name", attr: "faas.invoked_name"},
		{name: "function_arn", attr: "aws.lambda.invoked_arn"},
		{name: "bucket_name", attr: "aws.s3.bucket"},
		{name: "key", attr: "aws.s3.key"},
		{name: "xray", kind: kindObject, of: objSDK},
		{name: "ec2", kind: kindObject, of: objEC2},
		{name: "ecs", kind: kindObject, of: objECS},
		{name: "eks", kind: kindObject, of: objEKS},
		{name: "elastic_beanstalk", kind: kindObject, of: objBeanstalk},
		{name: "api_gateway", kind: kindObject, of: objGateway},
		{name: "cloudwatch_logs", kind: kindLogs, resource: "aws.log.group.names"},
	},
	objEC2: {
		{name: "availability_zone", resource: sharedZone, own: "aws.xray.ec2.availability_zone"},
		{name: "instance_id", resource: "host.id"},
		{name: "instance_size", resource: "host.type"},
		{name: "ami_id", resource: "host.image.id"},
	},
	objECS: {
		{name: "container", resource: "container.name"},
		{name: "container_id", resource: sharedContainer, own: "aws.xray.ecs.container_id"},
		{name: "container_arn", resource: "aws.ecs.container.arn"},
		{name: "task_arn", resource: "aws.ecs.task.arn"},
		{name: "task_family", resource: "aws.ecs.task.family"},
		{name: "cluster_arn", resource: "aws.ecs.cluster.arn"},
		{name: "launch_type", resource: "aws.ecs.launchtype"},
		{name: "availability_zone", resource: sharedZone, own: "aws.xray.ecs.availability_zone"},
	},
	objEKS: {
		{name: "pod", resource: "k8s.pod.name"},
		{name: "cluster_name", resource: "k8s.cluster.name"},
		{name: "container_id", resource: sharedContainer, own: "aws.xray.eks.container_id"},
	},
	objBeanstalk: {
		{name: "environment_name", resource: "service.namespace"},
		{name: "deployment_id", kind: kindIntText, resource: "service.instance.id"},
		{name: "version_label", resource: sharedVersion, own: "aws.xray.elastic_beanstalk.version_label"},
	},
	objSDK: {
		{name: "sdk", resource: "telemetry.sdk.name"},
		{name: "sdk_version", resource: "telemetry.sdk.version"},
		{name: "package", resource: "aws.xray.sdk.package"},
		{name: "auto_instrumentation", kind: kindBool, resource: "aws.xray.auto_instrumentation"},
		{name: "sampling_rule_name", attr: "aws.xray.sampling_rule_name"},
	},
	objGateway: {
		{name: "account_id", attr: "aws.xray.api_gateway.account_id"},
		{name: "rest_api_id", attr: "aws.xray.api_gateway.rest_api_id"},
		{name: "stage", attr: "aws.xray.api_gateway.stage"},
		{name: "request_id", attr: "aws.xray.api_gateway.request_id"},
	},
	objSQL: {
		{name: "url", kind: kindURL, attr: "aws.xray.sql.url"},
		{name: "sanitized_query", attr: "db.statement"},
		{name: "database_type", attr: "db.system"},
		{name: "database_version", attr: "aws.xray.sql.database_version"},
		{name: "driver_version", attr: "aws.xray.sql.driver_version"},
		{name: "user", attr: "db.user"},
		{name: "preparation", attr: "aws.xray.sql.preparation"},
		{name: "connection_string", attr: "aws.xray.sql.connection_string"},
	},
	objCause: {
		{name: "working_directory", attr: "aws.xray.cause.working_directory"},
		{name: "paths", kind: kindTexts, attr: "aws.xray.cause.paths"},
		{name: "exceptions", kind: kindExceptions},
	},
}

// The attributes that no single field is of.
const (
	attrForm        = "aws.xray.form"
	attrOther       = "aws.xray.other"
	attrIndex       = "aws.xray.index" // among the subsegments that it was nested with
	attrStart       = "aws.xray.start_time"
	attrEnd         = "aws.xray.end_time"
	attrAnnotations = "aws.xray.annotations"

	prefixOwn        = "aws.xray."
	prefixAnnotation = "aws.xray.annotation."
	prefixMetadata   = "aws.xray.metadata."
	prefixAWS        = "aws.xray.aws." // keys of aws that nobody knows

	attrService  = "aws.service"
	attrPeer     = "peer.service"
	attrDatabase = "db.name"
	attrDBServer = "db.connection_string"
	attrDBURL    = "aws.xray.sql.url"

	resourceName     = "service.name"
	resourceProvider = "cloud.provider"
	resourcePlatform = "cloud.platform"
	resourceAccount  = "cloud.account.id"
	resourceLanguage = "telemetry.sdk.language"
	resourceLogARNs  = "aws.log.group.arns"
	resourceLogNames = "aws.log.group.names"
)

// numbered is the schema with its fields in one list.
type numbered struct {
	fields []field
	base   [objectCount]int // the number of the first field of an object
	home   [objectCount]place
	// byAttr and byResource are the numbers of the fields of attributes.
	byAttr, byResource map[string]int
	groups             int
}

// place is the object that an object is in, and its key there.
type place struct {
	in  object
	key string
}

// numberFields numbers the fields of the schema.
func numberFields() numbered {
	n := numbered{byAttr: map[string]int{}, byResource: map[string]int{}}
	groups := map[string]int{}
	for o := range schema {
		n.base[o] = len(n.fields)
		for _, f := range schema[o] {
			f.in = object(o)
			index, key := n.byAttr, f.attr
			if f.resource != "" {
				index, key = n.byResource, f.resource
			}
			if f.own != "" {
				if groups[key] == 0 {
					groups[key], f.first = len(groups)+1, true
				}
				f.group = groups[key]
				index[f.own] = len(n.fields)
			}
			if _, taken := index[key]; key != "" && !taken {
				index[key] = len(n.fields)
			}
			if f.kind == kindObject || f.kind == kindCause {
				n.home[f.of] = place{f.in, f.name}
			}
			n.fields = append(n.fields, f)
		}
	}
	n.home[objAnnotations] = place{objSegment, "annotations"}
	n.home[objMetadata] = place{objSegment, "metadata"}
	n.groups = len(groups)
	return n
}

// maxGroups and maxFields bound the groups of fields with one attribute, and the fields: a
// test holds the schema to them.
const (
	maxGroups = 8
	maxFields = 128
)

var (
	plan = numberFields()

	fields, base, home, byAttr, byResource = plan.fields, plan.base, plan.home, plan.byAttr, plan.byResource

	namespaceField, accountField, originField = byAttr["aws.xray.namespace"], byAttr["aws.account_id"], byAttr["aws.xray.origin"]
	sdkField, logsField                       = byResource["telemetry.sdk.name"], byResource[resourceLogNames]
)

// lookup finds the number of the field of a key, trying first the one at guess; -1 if
// there is none.
func lookup(o object, guess int, key []byte) int {
	table := schema[o]
	for n := range table {
		k := guess + n
		if k >= len(table) {
			k -= len(table)
		}
		if table[k].name == string(key) {
			return k
		}
	}
	return -1
}

// reserved reports whether an annotation may not be an attribute under its own name.
func reserved(key []byte) bool {
	if len(key) >= len(prefixOwn) && string(key[:len(prefixOwn)]) == prefixOwn {
		return true
	}
	if _, ok := byAttr[string(key)]; ok {
		return true
	}
	switch string(key) {
	case attrService, attrPeer, attrDatabase, attrDBServer:
		return true
	}
	return false
}
