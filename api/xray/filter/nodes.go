package filter

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clew-tracing/clew/api/xray/view"
)

// nameFields are what the name of a segment or call may come from besides the span's, as package
// view has it. Of partFields it is the last part, behind / or :, or the whole, of listFields the
// first element.
var (
	nameFields = append([]string{"resource.service.name"}, spanFields(view.NameKeys)...)
	partFields = spanFields(view.PartKeys)
	listFields = spanFields(view.ListKeys)
)

func spanFields(keys []string) (out []string) {
	for _, key := range keys {
		out = append(out, spanField(key))
	}
	return out
}

// platforms are the types of services that follow from where they run.
var platforms = map[string]string{
	"AWS::AppRunner::Service": "aws_app_runner", "AWS::EKS::Container": "aws_eks", "AWS::ElasticBeanstalk::Environment": "aws_elastic_beanstalk",
	"AWS::ECS::EC2": "aws_ecs", "AWS::ECS::Fargate": "aws_ecs", "AWS::ECS::Container": "aws_ecs",
	"AWS::EC2::Instance": "aws_ec2", "AWS::Lambda::Function": "aws_lambda",
}

// lost is a character that names have not: it was left out of what they come from.
const lost = `[^\pL\pM\pN\pZ\t-\r _.:/%&#=+\\@-]`

// lossy is a text that has such a character.
var lossy = " =~ " + strconv.Quote("(?s).*"+lost+".*")

// maxNameRunes is where names are cut.
const maxNameRunes = 200

// nodeOf bounds a service.
func nodeOf(n Node) []Clause {
	var out []Clause
	if n.Name != "" {
		out = append(out, one(named(n.Name))...)
	}
	if n.Type != "" {
		out = append(out, typed(n.Type))
	}
	if a := strconv.Quote(n.Account); n.Account != "" {
		out = append(out, Clause{"span.aws.account_id = " + a, "resource.cloud.account.id = " + a})
	}
	return out
}

// typed bounds the type of a service: what a segment says that it runs on, or who is asked by a
// call.
func typed(t string) Clause {
	c := Clause{"span.aws.xray.origin = " + strconv.Quote(t)}
	switch {
	case t == view.TypeRemote:
		return append(c, `span.aws.xray.namespace = "remote"`, "span.aws.xray.inferred = true", "kind = client", "kind = producer")
	case t == view.TypeDatabase:
		return append(c, asksSQL()...)
	case !strings.HasPrefix(t, "AWS::"):
		return c
	}
	if p := platforms[t]; p != "" {
		c = append(c, "resource.cloud.platform = "+strconv.Quote(p))
	}
	return append(c, `span.aws.xray.namespace = "aws"`, "span.aws.service != nil", `span.rpc.system = "aws-api"`)
}

// asksSQL are what a call has that asks a database in SQL.
func asksSQL() Clause {
	return Clause{"span.db.system != nil", "span.db.system.name != nil", "span.db.statement != nil", "span.db.connection_string != nil",
		"span.aws.xray.sql.url != nil", "span.aws.xray.sql.connection_string != nil"}
}

// named bounds a name; nil is that any span may have it. Spans have it as it is, or with
// characters that names have not; the names of spans, many of which have such, are looked at
// one by one.
func named(name string) Clause {
	runes := utf8.RuneCountInString(name)
	if name == "span" || !utf8.ValidString(name) || runes >= maxNameRunes {
		return nil // what has no name at all is called span, and longer ones are cut
	}
	pattern := lost + "*"
	for _, r := range name {
		pattern += regexp.QuoteMeta(string(r)) + lost + "*"
	}
	value := " = " + strconv.Quote(name)
	c := Clause{"name =~ " + strconv.Quote("(?s)"+pattern)}
	if len(pattern) > maxPattern {
		c = Clause{"name" + value, "name" + lossy}
	}
	for _, f := range nameFields {
		c = append(c, f+value, f+lossy)
	}
	part := " =~ " + strconv.Quote("(?s)(.*[/:])?"+regexp.QuoteMeta(name))
	for _, f := range partFields {
		c = append(c, f+part, f+lossy)
	}
	for _, f := range listFields {
		c = append(c, f+" != nil")
	}
	if strings.Contains(name, "@") { // a database and its host
		c = append(c, "(span.db.connection_string != nil && (span.db.namespace != nil || span.db.name != nil))")
	}
	return c
}
