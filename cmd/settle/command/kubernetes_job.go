package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// keptSeconds is how long the Job of a rerun stays after its end: no CronJob's history limit removes it.
const keptSeconds = 7 * 24 * 60 * 60

// job returns the Job of the rerun, made from the manifest's CronJob. It works on the tree of the YAML text,
// so that every field stays that the cluster knows and settle does not.
func (f *rerunFlags) job(given *pflag.FlagSet, manifest []byte) ([]byte, error) {
	cronJob, container, err := findCronJob(manifest)
	if err != nil {
		return nil, err
	}
	var template []string
	if arguments := field(container, "args"); arguments != nil {
		if err := arguments.Decode(&template); err != nil {
			return nil, usage("--cronjob: the arguments of its container settle: %w", err)
		}
	}
	arguments, err := f.arguments(given, template)
	if err != nil {
		return nil, err
	}
	setField(container, "args", encode(arguments))
	if f.image != "" {
		setField(container, "image", encode(f.image))
	}
	forgetNight(container)
	specification := field(cronJob, "spec", "jobTemplate", "spec")
	setField(specification, "ttlSecondsAfterFinished", encode(keptSeconds))
	job := encode(map[string]any{})
	setField(job, "apiVersion", encode("batch/v1"))
	setField(job, "kind", encode("Job"))
	setField(job, "metadata", f.metadata(cronJob))
	setField(job, "spec", specification)
	withoutComments(job)
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(job); err != nil {
		return nil, fmt.Errorf("write the Job: %w", err)
	}
	return text.Bytes(), encoder.Close()
}

// metadata returns the Job's: the template's labels and annotations under the Job's own name.
func (f *rerunFlags) metadata(cronJob *yaml.Node) *yaml.Node {
	metadata := encode(map[string]any{})
	setField(metadata, "name", encode(f.name))
	switch deployed := field(cronJob, "metadata", "namespace"); {
	case f.namespace != "":
		setField(metadata, "namespace", encode(f.namespace))
	case deployed != nil:
		setField(metadata, "namespace", deployed)
	}
	if labels := field(cronJob, "spec", "jobTemplate", "metadata", "labels"); labels != nil {
		setField(metadata, "labels", labels)
	}
	annotations := field(cronJob, "spec", "jobTemplate", "metadata", "annotations")
	if annotations == nil || annotations.Kind != yaml.MappingNode {
		annotations = encode(map[string]any{})
	}
	// As kubectl create job --from marks them.
	setField(annotations, "cronjob.kubernetes.io/instantiate", encode("manual"))
	setField(metadata, "annotations", annotations)
	return metadata
}

// forgetNight removes from a container's environment what would set a flag of the night.
func forgetNight(container *yaml.Node) {
	environment := field(container, "env")
	if environment == nil || environment.Kind != yaml.SequenceNode {
		return
	}
	environment.Content = slices.DeleteFunc(environment.Content, func(variable *yaml.Node) bool {
		name := field(variable, "name")
		return name != nil && slices.ContainsFunc(nightFlags, func(flag string) bool { return name.Value == variableOf(flag) && flag != "operator" })
	})
}

// variableOf returns the variable of the environment that sets a flag.
func variableOf(flag string) string {
	return "SETTLE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// findCronJob returns the one CronJob of a manifest that has a container named settle, and that container.
func findCronJob(manifest []byte) (cronJob, container *yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(manifest))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, usage("--cronjob: %w", err)
		}
		if len(document.Content) == 0 {
			continue
		}
		candidate := document.Content[0]
		if kind := field(candidate, "kind"); kind == nil || kind.Value != "CronJob" {
			continue
		}
		found := containerOf(candidate)
		if found == nil {
			continue
		}
		if cronJob != nil {
			return nil, nil, usage("--cronjob: there is more than one CronJob with a container named settle; give one")
		}
		cronJob, container = candidate, found
	}
	if cronJob == nil {
		return nil, nil, usage("--cronjob: there is no CronJob with a container named settle in it; for example: kubectl get cronjob settle -o yaml")
	}
	return cronJob, container, nil
}

func containerOf(cronJob *yaml.Node) *yaml.Node {
	containers := field(cronJob, "spec", "jobTemplate", "spec", "template", "spec", "containers")
	if containers == nil || containers.Kind != yaml.SequenceNode {
		return nil
	}
	for _, container := range containers.Content {
		if name := field(container, "name"); name != nil && name.Value == "settle" {
			return container
		}
	}
	return nil
}

// field returns the value under names, one below the other; nil if there is none.
func field(node *yaml.Node, names ...string) *yaml.Node {
	for _, name := range names {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		var below *yaml.Node
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				below = node.Content[i+1]
			}
		}
		node = below
	}
	return node
}

// setField sets a mapping's value, at the end if it is new.
func setField(mapping *yaml.Node, name string, value *yaml.Node) {
	mapping.Style = 0 // a {} on one line becomes lines
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, encode(name), value)
}

// encode returns a plain value as a node.
func encode(value any) *yaml.Node {
	node := new(yaml.Node)
	if err := node.Encode(value); err != nil {
		panic(err) // texts, numbers, lists and maps of them can be encoded
	}
	return node
}

// withoutComments removes the comments, which speak of a CronJob.
func withoutComments(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	for _, below := range node.Content {
		withoutComments(below)
	}
}
