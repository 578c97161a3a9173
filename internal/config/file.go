package config

import (
	"fmt"
	"strings"

	"github.com/clew-tracing/clew"
	"go.yaml.in/yaml/v3"
)

// parseFile reads a configuration file: one YAML mapping of settings to values;
// lists are sequences, or one text with commas. path is for errors only.
func parseFile(path string, data []byte) (map[string]Given, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, clew.Errorf(clew.Invalid, "%s: %w", path, err)
	}
	given := map[string]Given{}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return given, nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return given, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, clew.Errorf(clew.Invalid, "%s:%d: want settings as lines of NAME: VALUE", path, root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		where := fmt.Sprintf("%s:%d: %s", path, key.Line, key.Value)
		if key.Value == configKey {
			return nil, clew.Errorf(clew.Invalid, "%s cannot be set in the file it names", where)
		}
		setting, ok := Lookup(key.Value)
		if !ok {
			return nil, unknownKey(where)
		}
		if first, twice := given[key.Value]; twice {
			return nil, clew.Errorf(clew.Invalid, "%s is set twice, first in %s", where, first.Where)
		}
		text, err := nodeText(value)
		if err != nil {
			return nil, clew.Errorf(clew.Invalid, "%s: %w", where, err)
		}
		if kind := setting.Type(); value.Kind == yaml.SequenceNode && kind != "list" && kind != "tokens" {
			return nil, clew.Errorf(clew.Invalid, "%s is a list, want one value (%s)", where, kind)
		}
		given[key.Value] = Given{Text: text, Where: where}
	}
	return given, nil
}

func nodeText(n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", fmt.Errorf("has no value; leave the line out for the default")
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind != yaml.SequenceNode:
		return "", fmt.Errorf("want a value or a list of values")
	}
	var words []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || strings.Contains(item.Value, ",") {
			return "", fmt.Errorf("want a list of plain values without commas")
		}
		words = append(words, item.Value)
	}
	return strings.Join(words, ","), nil
}
