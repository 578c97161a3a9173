package xray

// asked writes what a span asked of AWS, by names that are not those of X-Ray's own spans: by
// the conventions of RPC, and those that some instrumentations have. What has X-Ray's name is
// written after it, and goes before it.
func (x *foreign) asked() {
	if string(x.attrs["rpc.system"].Bytes) == "aws-api" {
		setIf(x.doc, objAWS, "operation", x.take("rpc.method"))
	}
	setIf(x.doc, objAWS, "request_id", x.take("aws.requestId"))
	setIf(x.doc, objAWS, "queue_url", x.take("aws.sqs.queue.url", "aws.queue.url"))
	setIf(x.doc, objAWS, "table_name", x.take("aws.table.name"))
}

// forwarded reports whether the address of a client is what somebody before the service said
// it is: the service saw another one, or none.
func (x *foreign) forwarded() bool {
	for _, key := range []string{"network.peer.address", "net.sock.peer.addr", "net.peer.ip"} {
		if _, seen := x.attrs[key]; seen {
			return false
		}
	}
	return true
}

// addressed takes the parts of an URL that was put together of them.
func (x *foreign) addressed() {
	x.takeValue("server.port")
	for _, key := range []string{"url.scheme", "http.scheme", "url.path", "url.query", "http.target", "http.host", "server.address"} {
		x.take(key)
	}
}
