// Command podsecurity names the pods of a manifest that the Pod Security Standard "restricted" refuses, as each version
// of Kubernetes that is given has it: podsecurity manifest.yaml 1.30 1.31. It asks the code that the API server asks.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// workload is what all kinds that make pods have in common, wherever the template is.
type workload struct {
	metav1.TypeMeta
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Template    *corev1.PodTemplateSpec
		JobTemplate struct {
			Spec struct{ Template *corev1.PodTemplateSpec }
		}
	}
}

func main() {
	log.SetFlags(0)
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		log.Fatal(err)
	}
	manifest, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	refused := false
	for reader := documents.NewYAMLReader(bufio.NewReader(manifest)); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		name, pod, err := podOf(document)
		if err != nil {
			log.Fatal(err)
		}
		if pod == nil {
			continue
		}
		for _, given := range os.Args[2:] {
			version, err := api.ParseVersion("v" + given)
			if err != nil {
				log.Fatal(err)
			}
			standard := api.LevelVersion{Level: api.LevelRestricted, Version: version}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(standard, &pod.ObjectMeta, &pod.Spec))
			if !result.Allowed {
				refused = true
				fmt.Printf("%s: %s: %s\n", name, standard, result.ForbiddenDetail())
			}
		}
	}
	if refused {
		os.Exit(1)
	}
}

// podOf returns the pod that the object is or makes; none when it makes none.
func podOf(document []byte) (string, *corev1.PodTemplateSpec, error) {
	var made workload
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return "", nil, err
	}
	switch kind.Kind {
	case "Pod":
		var pod corev1.Pod
		err := yaml.Unmarshal(document, &pod)
		return "Pod " + pod.Name, &corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}, err
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job":
		err := yaml.Unmarshal(document, &made)
		return kind.Kind + " " + made.Name, made.Spec.Template, err
	case "CronJob":
		err := yaml.Unmarshal(document, &made)
		return kind.Kind + " " + made.Name, made.Spec.JobTemplate.Spec.Template, err
	}
	return "", nil, nil
}
