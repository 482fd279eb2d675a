// Package web is everything the program answers over HTTP.
package web

import (
	"net/http"
	"net/url"
	"strings"

	"seikan/web/rest"
)

// Route is an endpoint and where it is found.
type Route struct {
	Method string
	// Name of an endpoint of SeaTunnel: V2 has it at <context-path>/<Name> and below, V1 at
	// /hazelcast/rest/maps/<Name> and wherever else a path begins like that.
	Name string
	// Path of every other endpoint, the same whatever the context path.
	Path   string
	V1, V2 bool
	Group  string // Hazelcast's endpoint group that V1 must have enabled; "" if none
	Deep   bool   // below Name or Path all is one argument, slashes and all
	Slow   bool   // may take longer than other requests
	Open   bool   // everyone may ask
	Do     func(*rest.API, *rest.Call) error
}

// Endpoint groups of Hazelcast (network.rest-api.endpoint-groups in hazelcast.yaml).
const (
	data        = "DATA"
	clusterRead = "CLUSTER_READ"
	healthCheck = "HEALTH_CHECK"
)

const get, post = http.MethodGet, http.MethodPost

// Routes are all paths of the program. V1 takes the first whose name a path begins with, so the
// order matters.
var Routes = []Route{
	{Method: get, Name: "running-jobs", V1: true, V2: true, Group: data, Do: (*rest.API).RunningJobs},
	{Method: get, Name: "finished-jobs", V1: true, V2: true, Group: data, Slow: true, Do: (*rest.API).FinishedJobs},
	{Method: get, Name: "running-job", V1: true, V2: true, Group: data, Do: (*rest.API).JobInfo},
	{Method: get, Name: "job-info", V1: true, V2: true, Group: data, Do: (*rest.API).JobInfo},
	{Method: get, Name: "system-monitoring-information", V1: true, V2: true, Group: data, Do: (*rest.API).SystemMonitoring},
	{Method: get, Name: "running-threads", V1: true, V2: true, Group: data, Do: (*rest.API).RunningThreads},
	{Method: get, Name: "overview", V1: true, V2: true, Group: data, Do: (*rest.API).Overview},
	{Method: get, Name: "thread-dump", V1: true, V2: true, Group: data, Do: (*rest.API).ThreadDump},
	{Method: get, Name: "get-all-log-name", V1: true, V2: true, Group: data, Do: (*rest.API).LogNames},
	{Method: get, Name: "logs", V1: true, V2: true, Group: data, Deep: true, Slow: true, Do: (*rest.API).Logs},
	{Method: get, Name: "log", V1: true, V2: true, Group: data, Deep: true, Slow: true, Do: (*rest.API).Log},

	{Method: post, Name: "submit-jobs", V1: true, V2: true, Group: data, Slow: true, Do: (*rest.API).SubmitJobs},
	{Method: post, Name: "submit-job", V1: true, V2: true, Group: data, Do: (*rest.API).SubmitJob},
	{Method: post, Name: "stop-jobs", V1: true, V2: true, Group: data, Do: (*rest.API).StopJobs},
	{Method: post, Name: "stop-job", V1: true, V2: true, Group: data, Do: (*rest.API).StopJob},
	{Method: post, Name: "encrypt-config", V1: true, V2: true, Group: data, Do: (*rest.API).EncryptConfig},
	{Method: post, Name: "update-tags", V1: true, V2: true, Group: data, Do: (*rest.API).UpdateTags},

	{Method: get, Path: "/hazelcast/rest/instance/metrics", V1: true, Group: clusterRead, Do: (*rest.API).InstanceMetrics},
	{Method: get, Path: "/hazelcast/rest/instance/openmetrics", V1: true, Group: clusterRead, Do: (*rest.API).InstanceOpenMetrics},
	{Method: get, Path: "/hazelcast/health", V1: true, Group: healthCheck, Deep: true, Open: true, Do: (*rest.API).Health},

	{Method: get, Path: "/metrics", V1: true, V2: true, Do: (*rest.API).Metrics},
	{Method: get, Path: "/openmetrics", V1: true, V2: true, Do: (*rest.API).OpenMetrics},
	{Method: get, Path: "/-/ready", V1: true, V2: true, Open: true, Do: (*rest.API).Readiness},
	{Method: get, Path: "/-/live", V1: true, V2: true, Open: true, Do: (*rest.API).Live},
}

// open says whether everyone may send a request.
func open(r *http.Request) bool {
	for i := range Routes {
		if _, ok := Routes[i].at(r.URL.Path); ok && Routes[i].Open {
			return true
		}
	}
	return false
}

// at says whether path is the Path of r or, when r is Deep, below it; and what comes after.
func (r *Route) at(path string) (arg string, ok bool) {
	if r.Path == "" || path == r.Path {
		return "", r.Path != ""
	}
	arg, ok = strings.CutPrefix(path, r.Path+"/")
	return arg, ok && r.Deep
}

// matchV1 finds the route of a path as V1 does, nil if there is none. raw is the path as it was
// sent, undecoded.
func matchV1(method, raw string) (route *Route, arg string) {
	if method == http.MethodHead {
		method = get
	}
	for i := range Routes {
		r := &Routes[i]
		if !r.V1 || r.Method != method {
			continue
		}
		if arg, ok := r.at(raw); ok {
			return r, decoded(arg)
		}
		if r.Name == "" || !strings.HasPrefix(raw, rest.V1Prefix+"/"+r.Name) {
			continue
		}
		_, arg, _ := strings.Cut(strings.TrimPrefix(raw, rest.V1Prefix+"/"), "/")
		if !r.Deep {
			arg, _, _ = strings.Cut(arg, "/")
		}
		return r, decoded(arg)
	}
	return nil, ""
}

func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
