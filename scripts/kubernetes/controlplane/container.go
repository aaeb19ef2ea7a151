package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resources "k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// prepare makes a pod's root directory from the image and its volumes, and the process that is to run there: as the
// pod's user, with the image's files and its volumes and nothing else in sight.
func (n *node) prepare(ctx context.Context, pod *corev1.Pod, folder string) (command *exec.Cmd, logs *os.File, err error) {
	if len(pod.Spec.Containers) != 1 || len(pod.Spec.InitContainers) > 0 {
		return nil, nil, fmt.Errorf("the node plays one container a pod, not %d", len(pod.Spec.Containers)+len(pod.Spec.InitContainers))
	}
	container := &pod.Spec.Containers[0]
	root := filepath.Join(folder, "root")
	if err := linkTree(n.image, root); err != nil {
		return nil, nil, fmt.Errorf("make the root directory: %w", err)
	}
	if err := n.mount(ctx, pod, container, root); err != nil {
		return nil, nil, err
	}
	termination := filepath.Join(root, container.TerminationMessagePath)
	if err := os.MkdirAll(filepath.Dir(termination), 0o755); err != nil {
		return nil, nil, err
	}
	if err := writeFile(termination, nil, 0o666, nil); err != nil {
		return nil, nil, err
	}
	environment, err := n.environment(ctx, pod, container)
	if err != nil {
		return nil, nil, err
	}
	mapping := expansion.MappingFuncFor(environment)
	arguments := container.Command
	if len(arguments) == 0 {
		arguments = []string{"/settle"} // the image's entrypoint
	}
	arguments = append(arguments, container.Args...)
	for i := range arguments {
		arguments[i] = expansion.Expand(arguments[i], mapping)
	}
	command = &exec.Cmd{Path: arguments[0], Args: arguments, Dir: "/", Env: []string{}}
	for name, value := range environment {
		command.Env = append(command.Env, name+"="+value)
	}
	command.SysProcAttr = confined(root, pod.Spec.SecurityContext)
	logs, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	command.Stdout, command.Stderr = write, write
	return command, logs, nil
}

// confined returns how the process is kept in its root and made the pod's user: as root by the system calls alone, as
// anybody else in a user namespace, in which this user is the pod's.
func confined(root string, security *corev1.PodSecurityContext) *syscall.SysProcAttr {
	user, group := int(*security.RunAsUser), int(*security.RunAsGroup)
	if os.Geteuid() == 0 {
		credential := &syscall.Credential{Uid: uint32(user), Gid: uint32(group)}
		if security.FSGroup != nil {
			credential.Groups = []uint32{uint32(*security.FSGroup)}
		}
		return &syscall.SysProcAttr{Chroot: root, Credential: credential}
	}
	return &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: group, HostID: os.Getegid(), Size: 1}}}
}

// environment returns the container's variables, as a kubelet makes them.
func (n *node) environment(ctx context.Context, pod *corev1.Pod, container *corev1.Container) (map[string]string, error) {
	variables := make(map[string]string)
	for _, source := range container.EnvFrom {
		values, err := n.values(ctx, pod.Namespace, source)
		if err != nil {
			return nil, err
		}
		for name, value := range values {
			variables[source.Prefix+name] = value
		}
	}
	mapping := expansion.MappingFuncFor(variables)
	for _, variable := range container.Env {
		value := expansion.Expand(variable.Value, mapping)
		var err error
		switch from := variable.ValueFrom; {
		case from == nil:
		case from.FieldRef != nil:
			value, err = fieldpath.ExtractFieldPathAsString(pod, from.FieldRef.FieldPath)
		case from.ResourceFieldRef != nil:
			value, err = resources.ExtractContainerResourceValue(from.ResourceFieldRef, container)
		default:
			err = fmt.Errorf("the node does not play where it comes from")
		}
		if err != nil {
			return nil, fmt.Errorf("the variable %s: %w", variable.Name, err)
		}
		variables[variable.Name] = value
	}
	return variables, nil
}

// values returns what a ConfigMap or Secret gives to the environment.
func (n *node) values(ctx context.Context, namespace string, source corev1.EnvFromSource) (map[string]string, error) {
	switch {
	case source.ConfigMapRef != nil:
		found, err := n.client.CoreV1().ConfigMaps(namespace).Get(ctx, source.ConfigMapRef.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return found.Data, nil
	case source.SecretRef != nil:
		found, err := n.client.CoreV1().Secrets(namespace).Get(ctx, source.SecretRef.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return texts(found.Data), nil
	}
	return nil, fmt.Errorf("the node does not play this source of variables: %v", source)
}

func texts(data map[string][]byte) map[string]string {
	values := make(map[string]string, len(data))
	for name, value := range data {
		values[name] = string(value)
	}
	return values
}

// mount puts the container's volumes into its root.
func (n *node) mount(ctx context.Context, pod *corev1.Pod, container *corev1.Container, root string) error {
	for _, mount := range container.VolumeMounts {
		target := filepath.Join(root, mount.MountPath)
		var volume *corev1.Volume
		for i := range pod.Spec.Volumes {
			if pod.Spec.Volumes[i].Name == mount.Name {
				volume = &pod.Spec.Volumes[i]
			}
		}
		if volume == nil || mount.SubPath != "" {
			return fmt.Errorf("the node does not play the mount %v", mount)
		}
		if err := n.fill(ctx, pod, volume, target); err != nil {
			return fmt.Errorf("the volume %s: %w", volume.Name, err)
		}
	}
	return nil
}

// fill makes a volume as a directory.
func (n *node) fill(ctx context.Context, pod *corev1.Pod, volume *corev1.Volume, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	group := pod.Spec.SecurityContext.FSGroup
	switch {
	case volume.EmptyDir != nil:
		if err := os.Chmod(target, 0o2770); err != nil {
			return err
		}
		return giveTo(target, group)
	case volume.ConfigMap != nil:
		found, err := n.client.CoreV1().ConfigMaps(pod.Namespace).Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for name, text := range found.Data {
			if err := writeFile(filepath.Join(target, name), []byte(text), fs.FileMode(*volume.ConfigMap.DefaultMode), group); err != nil {
				return err
			}
		}
		return nil
	case volume.Secret != nil:
		found, err := n.client.CoreV1().Secrets(pod.Namespace).Get(ctx, volume.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for name, content := range found.Data {
			if err := writeFile(filepath.Join(target, name), content, fs.FileMode(*volume.Secret.DefaultMode), group); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("the node plays emptyDir, configMap and secret, not this one")
}

// giveTo gives a file to the pod's group. Only root can, and only then is the process another user.
func giveTo(path string, group *int64) error {
	if group == nil || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, 0, int(*group))
}

// writeFile writes a file with just this mode, whatever the umask is.
func writeFile(path string, content []byte, mode fs.FileMode, group *int64) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if err := giveTo(path, group); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// linkTree makes a directory with the same files as another one, which are the very same ones.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if !entry.IsDir() {
			return os.Link(path, target)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		return os.Chmod(target, info.Mode())
	})
}

// message returns what a kubelet takes from the termination message's file, or from the log's last lines.
func (a *attempt) message() string {
	const most, mostOfLog, mostLines = 4096, 2048, 80
	if text, err := os.ReadFile(filepath.Join(a.folder, "root", "dev", "termination-log")); err == nil && len(text) > 0 {
		return string(text[:min(len(text), most)])
	}
	if a.exitCode == 0 {
		return ""
	}
	text := a.log[max(0, len(a.log)-mostOfLog):]
	lines := bytes.SplitAfter(text, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-mostLines):], nil))
}

func containsText(log []byte, text string) bool { return bytes.Contains(log, []byte(text)) }
