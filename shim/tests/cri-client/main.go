// Drives a CRI socket through Kubernetes' own client, the kubelet's, call by call: cri-client SOCKET IMAGE LOGS
//
// IMAGE must be there and run until it is stopped; it must print at least one line. LOGS is a directory for logs. Each
// step is a row of `steps`; the program ends at the first that fails and says which.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
)

const patience = 2 * time.Minute

// node is what the steps share.
type node struct {
	pods      cri.RuntimeService
	images    cri.ImageManagerService
	image     string
	logs      string
	imageID   string
	sandbox   *runtime.PodSandboxConfig
	sandboxID string
	container string
	events    chan *runtime.ContainerEventResponse
}

var steps = []struct {
	name string
	run  func(context.Context, *node) error
}{
	{"Version", version},
	{"Status", runtimeStatus},
	{"RuntimeConfig", runtimeConfig},
	{"UpdateRuntimeConfig", updateRuntimeConfig},
	{"ImageFsInfo", imageFsInfo},
	{"ListImages and ImageStatus", imageIsThere},
	{"PullImage of an image that is there", pull},
	{"GetContainerEvents", listen},
	{"RunPodSandbox", runSandbox},
	{"PodSandboxStatus and ListPodSandbox", sandboxIsReady},
	{"CreateContainer", create},
	{"StartContainer", start},
	{"ContainerStatus and ListContainers", runs},
	{"events of the container", heard},
	{"the container's log", logged},
	{"ReopenContainerLog", reopen},
	{"ContainerStats and ListContainerStats", containerStats},
	{"PodSandboxStats and ListPodSandboxStats", sandboxStats},
	{"ListMetricDescriptors and ListPodSandboxMetrics", metrics},
	{"UpdateContainerResources", resize},
	{"UpdatePodSandboxResources", resizeSandbox},
	{"ExecSync", execSync},
	{"Exec, Attach and PortForward", streams},
	{"what is not there", unimplemented},
	{"what cannot be honored", refused},
	{"StopContainer, twice", stop},
	{"RemoveContainer, twice", remove},
	{"StopPodSandbox and RemovePodSandbox, twice", removeSandbox},
	{"strangers", strangers},
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: cri-client SOCKET IMAGE LOGS")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// A kubelet of 1.37 lists either way: all at once, and bit by bit behind the gate CRIListStreaming.
	for _, streaming := range []bool{false, true} {
		if err := drive(ctx, streaming); err != nil {
			fmt.Fprintf(os.Stderr, "FAILED (streaming lists: %v): %v\n", streaming, err)
			os.Exit(1)
		}
	}
}

func drive(ctx context.Context, streaming bool) error {
	endpoint := "unix://" + os.Args[1]
	pods, err := remote.NewRemoteRuntimeService(ctx, endpoint, 10*time.Second, nil, streaming)
	if err != nil {
		return err
	}
	defer pods.Close(ctx)
	images, err := remote.NewRemoteImageService(ctx, endpoint, 10*time.Second, nil, streaming)
	if err != nil {
		return err
	}
	defer images.Close(ctx)
	n := &node{pods: pods, images: images, image: os.Args[2], logs: os.Args[3]}
	for _, step := range steps {
		began := time.Now()
		if err := step.run(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("ok %s (%s)\n", step.name, time.Since(began).Round(time.Millisecond/10))
	}
	return nil
}

func ensure(holds bool, format string, words ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, words...)
}

func hasCode(err error, wanted codes.Code) error {
	return ensure(status.Code(err) == wanted, "wanted %v: %v", wanted, err)
}

func version(ctx context.Context, n *node) error {
	answer, err := n.pods.Version(ctx, "0.1.0")
	if err != nil {
		return err
	}
	return ensure(answer.RuntimeApiVersion == "v1" && answer.RuntimeName == "coracle", "answered %v", answer)
}

func runtimeStatus(ctx context.Context, n *node) error {
	answer, err := n.pods.Status(ctx, true)
	if err != nil {
		return err
	}
	for _, condition := range answer.Status.Conditions {
		if !condition.Status {
			return fmt.Errorf("%s does not hold: %s", condition.Type, condition.Message)
		}
	}
	return ensure(len(answer.Info["config"]) > 0 && len(answer.RuntimeHandlers) > 0, "answered %v", answer)
}

func runtimeConfig(ctx context.Context, n *node) error {
	answer, err := n.pods.RuntimeConfig(ctx)
	if err != nil {
		return err
	}
	return ensure(answer.Linux.CgroupDriver == runtime.CgroupDriver_CGROUPFS, "answered %v", answer)
}

func updateRuntimeConfig(ctx context.Context, n *node) error {
	network := &runtime.NetworkConfig{PodCidr: "10.88.0.0/16"}
	return n.pods.UpdateRuntimeConfig(ctx, &runtime.RuntimeConfig{NetworkConfig: network})
}

func imageFsInfo(ctx context.Context, n *node) error {
	answer, err := n.images.ImageFsInfo(ctx)
	if err != nil {
		return err
	}
	if len(answer.ImageFilesystems) == 0 || answer.ImageFilesystems[0].UsedBytes == nil {
		return fmt.Errorf("a kubelet would panic: %v", answer)
	}
	_, err = os.Stat(answer.ImageFilesystems[0].FsId.Mountpoint)
	return err
}

func imageIsThere(ctx context.Context, n *node) error {
	answer, err := n.images.ImageStatus(ctx, &runtime.ImageSpec{Image: n.image}, false)
	if err != nil {
		return err
	}
	if answer.Image == nil || answer.Image.Size == 0 || answer.Image.Uid == nil {
		return fmt.Errorf("answered %v", answer)
	}
	n.imageID = answer.Image.Id
	images, err := n.images.ListImages(ctx, nil)
	if err != nil {
		return err
	}
	for _, image := range images {
		if image.Id == n.imageID {
			return nil
		}
	}
	return fmt.Errorf("%s is not among %v", n.imageID, images)
}

func pull(ctx context.Context, n *node) error {
	ref, err := n.images.PullImage(ctx, &runtime.ImageSpec{Image: n.image}, nil, nil)
	if err != nil {
		return err
	}
	return ensure(ref == n.imageID, "pulled %s, not %s", ref, n.imageID)
}

func listen(ctx context.Context, n *node) error {
	n.events = make(chan *runtime.ContainerEventResponse, 100)
	established := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		connected := func(runtime.RuntimeService_GetContainerEventsClient) { close(established) }
		failed <- n.pods.GetContainerEvents(ctx, n.events, connected)
	}()
	select {
	case <-established:
		return nil
	case err := <-failed:
		return err
	}
}

func runSandbox(ctx context.Context, n *node) error {
	n.sandbox = &runtime.PodSandboxConfig{
		Metadata:     &runtime.PodSandboxMetadata{Name: "p", Uid: fmt.Sprint(time.Now().UnixNano()), Namespace: "ns"},
		Hostname:     "p",
		LogDirectory: n.logs,
		Labels:       map[string]string{"io.kubernetes.pod.name": "p"},
		Linux:        &runtime.LinuxPodSandboxConfig{},
	}
	id, err := n.pods.RunPodSandbox(ctx, n.sandbox, "")
	n.sandboxID = id
	return err
}

func sandboxIsReady(ctx context.Context, n *node) error {
	answer, err := n.pods.PodSandboxStatus(ctx, n.sandboxID, true)
	if err != nil {
		return err
	}
	told := answer.Status
	if told.State != runtime.PodSandboxState_SANDBOX_READY || told.Network.Ip == "" {
		return fmt.Errorf("answered %v", told)
	}
	listed, err := n.pods.ListPodSandbox(ctx, &runtime.PodSandboxFilter{Id: n.sandboxID})
	if err != nil {
		return err
	}
	return ensure(len(listed) == 1 && listed[0].Labels["io.kubernetes.pod.name"] == "p", "listed %v", listed)
}

func (n *node) config() *runtime.ContainerConfig {
	return &runtime.ContainerConfig{
		Metadata:    &runtime.ContainerMetadata{Name: "c", Attempt: 4},
		Image:       &runtime.ImageSpec{Image: n.imageID, UserSpecifiedImage: n.image},
		Envs:        []*runtime.KeyValue{{Key: "GREETING", Value: []byte("hello")}},
		Annotations: map[string]string{"io.kubernetes.container.restartCount": "4"},
		LogPath:     "c.log",
		Linux: &runtime.LinuxContainerConfig{
			Resources: &runtime.LinuxContainerResources{CpuPeriod: 100000, CpuQuota: 50000, CpuShares: 512},
			SecurityContext: &runtime.LinuxContainerSecurityContext{
				Capabilities:   &runtime.Capability{DropCapabilities: []string{"ALL"}},
				NoNewPrivs:     true,
				ReadonlyRootfs: true,
				Seccomp:        &runtime.SecurityProfile{ProfileType: runtime.SecurityProfile_RuntimeDefault},
				RunAsUser:      &runtime.Int64Value{Value: 1000},
			},
		},
	}
}

func create(ctx context.Context, n *node) error {
	id, err := n.pods.CreateContainer(ctx, n.sandboxID, n.config(), n.sandbox)
	n.container = id
	return err
}

func start(ctx context.Context, n *node) error {
	return n.pods.StartContainer(ctx, n.container)
}

func runs(ctx context.Context, n *node) error {
	answer, err := n.pods.ContainerStatus(ctx, n.container, true)
	if err != nil {
		return err
	}
	told := answer.Status
	same := told.ImageId == n.imageID && told.ImageRef == n.imageID && told.Image.Image == n.image
	kept := told.Metadata.Attempt == 4 && told.Annotations["io.kubernetes.container.restartCount"] == "4"
	user := told.User.GetLinux().GetUid() == 1000 && filepath.IsAbs(told.LogPath)
	if told.State != runtime.ContainerState_CONTAINER_RUNNING || !same || !kept || !user {
		return fmt.Errorf("answered %v", told)
	}
	listed, err := n.pods.ListContainers(ctx, &runtime.ContainerFilter{PodSandboxId: n.sandboxID})
	if err != nil {
		return err
	}
	return ensure(len(listed) == 1 && listed[0].Id == n.container, "listed %v", listed)
}

func heard(ctx context.Context, n *node) error {
	for _, wanted := range []runtime.ContainerEventType{
		runtime.ContainerEventType_CONTAINER_CREATED_EVENT,
		runtime.ContainerEventType_CONTAINER_STARTED_EVENT,
	} {
		select {
		case event := <-n.events:
			if event.ContainerEventType != wanted || event.ContainerId != n.container {
				return fmt.Errorf("wanted %v, heard %v", wanted, event)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func logged(ctx context.Context, n *node) error {
	path := filepath.Join(n.logs, "c.log")
	for {
		if found, err := os.Stat(path); err != nil || found.Size() > 0 {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func reopen(ctx context.Context, n *node) error {
	path := filepath.Join(n.logs, "c.log")
	if err := os.Rename(path, path+".moved"); err != nil {
		return err
	}
	if err := n.pods.ReopenContainerLog(ctx, n.container); err != nil {
		return err
	}
	_, err := os.Stat(path)
	return err
}

func containerStats(ctx context.Context, n *node) error {
	one, err := n.pods.ContainerStats(ctx, n.container)
	if err != nil {
		return err
	}
	all, err := n.pods.ListContainerStats(ctx, &runtime.ContainerStatsFilter{Id: n.container})
	if err != nil {
		return err
	}
	return ensure(one.Memory.WorkingSetBytes.Value > 0 && len(all) == 1 && all[0].Attributes.Metadata != nil,
		"answered %v and %v", one, all)
}

func sandboxStats(ctx context.Context, n *node) error {
	one, err := n.pods.PodSandboxStats(ctx, n.sandboxID)
	if err != nil {
		return err
	}
	all, err := n.pods.ListPodSandboxStats(ctx, &runtime.PodSandboxStatsFilter{Id: n.sandboxID})
	if err != nil {
		return err
	}
	return ensure(one.Linux.Memory.WorkingSetBytes.Value > 0 && len(all) == 1, "answered %v and %v", one, all)
}

func metrics(ctx context.Context, n *node) error {
	known, err := n.pods.ListMetricDescriptors(ctx)
	if err != nil {
		return err
	}
	all, err := n.pods.ListPodSandboxMetrics(ctx)
	if err != nil {
		return err
	}
	return ensure(len(known) > 0 && len(all) > 0, "answered %v and %v", known, all)
}

func resize(ctx context.Context, n *node) error {
	linux := &runtime.LinuxContainerResources{MemoryLimitInBytes: 64 << 20, CpuShares: 1024}
	if err := n.pods.UpdateContainerResources(ctx, n.container, &runtime.ContainerResources{Linux: linux}); err != nil {
		return err
	}
	answer, err := n.pods.ContainerStatus(ctx, n.container, false)
	if err != nil {
		return err
	}
	told := answer.Status.Resources.Linux
	return ensure(told.MemoryLimitInBytes == 64<<20 && told.CpuShares == 1024 && told.CpuQuota == 50000, "told %v", told)
}

func resizeSandbox(ctx context.Context, n *node) error {
	_, err := n.pods.UpdatePodSandboxResources(ctx, &runtime.UpdatePodSandboxResourcesRequest{
		PodSandboxId: n.sandboxID,
		Resources:    &runtime.LinuxContainerResources{MemoryLimitInBytes: 128 << 20},
	})
	return err
}

// execSync runs the program once more beside itself, which would never end, and what is no module of its image.
func execSync(ctx context.Context, n *node) error {
	name := strings.Split(filepath.Base(n.image), ":")[0]
	_, _, err := n.pods.ExecSync(ctx, n.container, []string{name}, time.Second)
	if err == nil || !strings.Contains(err.Error(), "timed out") {
		return fmt.Errorf("wanted a timeout: %v", err)
	}
	_, _, err = n.pods.ExecSync(ctx, n.container, []string{"stranger"}, time.Second)
	return hasCode(err, codes.Unknown)
}

// streams asks for an address of each kind, and begins to speak SPDY there, which is good once.
func streams(ctx context.Context, n *node) error {
	exec, err := n.pods.Exec(ctx, &runtime.ExecRequest{ContainerId: n.container, Cmd: []string{"any"}, Stdout: true})
	if err != nil {
		return err
	}
	attach, err := n.pods.Attach(ctx, &runtime.AttachRequest{ContainerId: n.container, Stdout: true})
	if err != nil {
		return err
	}
	forward, err := n.pods.PortForward(ctx, &runtime.PortForwardRequest{PodSandboxId: n.sandboxID})
	if err != nil {
		return err
	}
	for _, one := range []struct{ url, protocol string }{
		{exec.Url, "v4.channel.k8s.io"},
		{attach.Url, "v4.channel.k8s.io"},
		{forward.Url, "portforward.k8s.io"},
	} {
		for _, wanted := range []int{http.StatusSwitchingProtocols, http.StatusNotFound} {
			if err := upgrade(ctx, one.url, one.protocol, wanted); err != nil {
				return err
			}
		}
	}
	return nil
}

func upgrade(ctx context.Context, url, protocol string, wanted int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "SPDY/3.1")
	request.Header.Set("X-Stream-Protocol-Version", protocol)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	spoken := answer.Header.Get("X-Stream-Protocol-Version")
	agreed := wanted != http.StatusSwitchingProtocols || spoken == protocol
	return ensure(answer.StatusCode == wanted && agreed, "%s: %s, %s", url, answer.Status, spoken)
}

func unimplemented(ctx context.Context, n *node) error {
	err := n.pods.CheckpointContainer(ctx, &runtime.CheckpointContainerRequest{ContainerId: n.container})
	return hasCode(err, codes.Unimplemented)
}

func refused(ctx context.Context, n *node) error {
	config := n.config()
	config.Linux.SecurityContext.Privileged = true
	_, err := n.pods.CreateContainer(ctx, n.sandboxID, config, n.sandbox)
	return hasCode(err, codes.InvalidArgument)
}

func stop(ctx context.Context, n *node) error {
	for range 2 {
		if err := n.pods.StopContainer(ctx, n.container, 0); err != nil {
			return err
		}
	}
	answer, err := n.pods.ContainerStatus(ctx, n.container, false)
	if err != nil {
		return err
	}
	told := answer.Status
	return ensure(told.State == runtime.ContainerState_CONTAINER_EXITED && told.ExitCode == 137, "told %v", told)
}

func remove(ctx context.Context, n *node) error {
	for range 2 {
		if err := n.pods.RemoveContainer(ctx, n.container); err != nil {
			return err
		}
	}
	_, err := n.pods.ContainerStatus(ctx, n.container, false)
	return hasCode(err, codes.NotFound)
}

func removeSandbox(ctx context.Context, n *node) error {
	for range 2 {
		if err := n.pods.StopPodSandbox(ctx, n.sandboxID); err != nil {
			return err
		}
	}
	for range 2 {
		if err := n.pods.RemovePodSandbox(ctx, n.sandboxID); err != nil {
			return err
		}
	}
	_, err := n.pods.PodSandboxStatus(ctx, n.sandboxID, false)
	return hasCode(err, codes.NotFound)
}

func strangers(ctx context.Context, n *node) error {
	if err := n.pods.StopContainer(ctx, "stranger", 0); err != nil {
		return err
	}
	if err := n.images.RemoveImage(ctx, &runtime.ImageSpec{Image: "example.local/stranger:1"}); err != nil {
		return err
	}
	answer, err := n.images.ImageStatus(ctx, &runtime.ImageSpec{Image: "example.local/stranger:1"}, false)
	if err != nil {
		return err
	}
	return ensure(answer.Image == nil, "answered %v", answer)
}
