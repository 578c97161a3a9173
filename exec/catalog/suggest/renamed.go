package suggest

// renamed are attributes that OpenTelemetry's conventions call by other names than
// they did, the old name first. Both are around, by the age of what sends them.
var renamed = [...][2]string{
	{"http.method", "http.request.method"},
	{"http.status_code", "http.response.status_code"},
	{"http.url", "url.full"},
	{"http.target", "url.path"},
	{"http.scheme", "url.scheme"},
	{"http.host", "server.address"},
	{"http.user_agent", "user_agent.original"},
	{"http.client_ip", "client.address"},
	{"net.peer.name", "server.address"},
	{"net.peer.port", "server.port"},
	{"net.host.name", "server.address"},
	{"net.host.port", "server.port"},
	{"db.system", "db.system.name"},
	{"db.name", "db.namespace"},
	{"db.statement", "db.query.text"},
	{"db.operation", "db.operation.name"},
	{"db.sql.table", "db.collection.name"},
	{"messaging.operation", "messaging.operation.type"},
	{"deployment.environment", "deployment.environment.name"},
	{"code.function", "code.function.name"},
	{"code.filepath", "code.file.path"},
	{"code.lineno", "code.line.number"},
}

// renamedAs returns the other names of an attribute.
func renamedAs(key string) (other []string) {
	for _, pair := range renamed {
		switch key {
		case pair[0]:
			other = append(other, pair[1])
		case pair[1]:
			other = append(other, pair[0])
		}
	}
	return other
}
