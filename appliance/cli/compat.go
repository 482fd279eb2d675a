package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"seikan/db/state"
	"seikan/engine/job"
)

// compatUsageCode is SeaTunnel's exit code for usage, help and bad options; everything that
// goes wrong later exits with 1.
const compatUsageCode = 234

// compat is seatunnel.sh. Order of evaluation as there: check, encrypt, decrypt, then the
// questions about jobs, then a submit.
func compat(ctx context.Context, t *terminal, argv []string) int {
	a, err := parseCompat(argv)
	if err != nil || len(argv) == 0 || a.has("help") {
		return compatUsageExit(t, err)
	}
	for _, w := range a.unknown {
		if a.has("cancel-job") {
			return compatUsageExit(t, fmt.Errorf("unknown option: %s%s", w, hint(w)))
		}
		fmt.Fprintf(t.err, "warning: unknown option %s is ignored%s\n", w, hint(w))
	}
	if a.old != "" {
		fmt.Fprintf(t.err, "warning: %s is deprecated: use -m or --master\n", a.old)
	}
	if (a.has("check") || a.has("encrypt") || a.has("decrypt")) && !a.has("config") {
		return compatUsageExit(t, errNoConfig)
	}
	switch {
	case a.has("check"):
		if err := checkFile(ctx, t, a.last("config"), a.values["variable"], 0); err != nil {
			return exitFailed
		}
		return exitOK
	case a.has("encrypt"):
		return compatShade(t, a.last("config"), "encrypt")
	case a.has("decrypt"):
		return compatShade(t, a.last("config"), "decrypt")
	}
	mode := strings.ToLower(a.last("deploy-mode"))
	if mode != "" && mode != "local" && mode != "cluster" {
		return compatUsageExit(t, fmt.Errorf("-m %s: expected local or cluster", mode))
	}
	for _, flag := range []string{"set-job-id", "restore", "job-id", "metrics", "savepoint", "cancel-job"} {
		for _, id := range a.values[flag] {
			if err := checkID(id); err != nil {
				return compatUsageExit(t, fmt.Errorf("--%s: %w", flag, err))
			}
		}
	}
	with := func(ask func(book) error) error { return withCluster(ctx, t, a.place(), ask) }
	if mode == "local" {
		with = func(ask func(book) error) error { return withLocal(ctx, t, ask) }
	}
	if ask := compatQuestion(ctx, t, a); ask != nil {
		if err := with(ask); err != nil {
			fmt.Fprintln(t.err, "error:", err)
			return exitFailed
		}
		return exitOK
	}
	return compatSubmit(ctx, t, a, mode == "local")
}

//lint:ignore ST1005 SeaTunnel's words
var errNoConfig = errors.New("The following option is required: [-c, --config]")

func compatUsageExit(t *terminal, err error) int {
	if err != nil {
		fmt.Fprintln(t.err, err)
	}
	fmt.Fprint(t.out, compatUsage())
	return compatUsageCode
}

// place is which cluster the flags mean.
func (a compatArgs) place() place { return place{cluster: a.last("cluster"), jvm: a.jvm, compat: true} }

func compatSubmit(ctx context.Context, t *terminal, a compatArgs, local bool) int {
	if !a.has("config") {
		return compatUsageExit(t, errNoConfig)
	}
	r := runRequest{file: a.last("config"), variables: a.values["variable"], name: a.last("name"),
		id: a.last("set-job-id"), restore: a.last("restore"), compat: true}
	if !local {
		_, _, code := runOnCluster(ctx, t, clusterRun{runRequest: r, place: a.place(), async: a.has("async"), keep: a.has("close-job")})
		return compatCode(code)
	}
	if a.has("async") {
		r.log(t).Warn("--async is ignored in local mode: the job runs in this process")
	}
	if a.has("close-job") { // the job is not to be cancelled when the client stops
		r.log(t).Warn("-cj has no meaning in local mode: the job runs in this process and ends with it")
	}
	return compatCode(runJob(ctx, t, r))
}

// compatCode is what SeaTunnel exits with where the native commands have a code of their own.
func compatCode(code int) int {
	switch code {
	case exitCanceled:
		return exitOK
	case exitConfig:
		return exitFailed
	}
	return code
}

func compatShade(t *terminal, path, action string) int {
	out, file, err := reshade(path, action)
	if err != nil {
		t.show(err, file.TextOf)
		return exitFailed
	}
	var b bytes.Buffer
	if err := json.Indent(&b, out, "", "    "); err != nil {
		t.show(err, nil)
		return exitFailed
	}
	runRequest{compat: true}.log(t).Info(strings.ToUpper(action[:1]) + action[1:] + "ed config: \n" + b.String())
	return exitOK
}

// reshade returns a job file as JSON with its secret options encrypted or decrypted.
func reshade(path, action string) ([]byte, *job.File, error) {
	opts := job.Local(nil)
	opts.Raw = true
	file, err := job.Load(path, opts)
	if err != nil {
		return nil, file, err
	}
	change := file.Decrypt
	if action == "encrypt" {
		change = file.Encrypt
	}
	out, err := change(opts)
	return out, file, err
}

// compatQuestion is what the flags ask about jobs, nil when they ask nothing.
func compatQuestion(ctx context.Context, t *terminal, a compatArgs) func(book) error {
	switch {
	case a.has("list"):
		return func(l book) error { return compatList(ctx, t, l) }
	case a.has("get_running_job_metrics"):
		return func(l book) error { return compatRunning(ctx, t, l) }
	case a.has("job-id"):
		return func(l book) error { return compatStatus(ctx, t, l, a.last("job-id")) }
	case a.has("cancel-job"):
		return func(l book) error {
			var all error
			for _, id := range a.values["cancel-job"] {
				_, err := wish(ctx, l, id, state.WantCancel)
				all = errors.Join(all, err)
			}
			return all
		}
	case a.has("metrics"):
		return func(l book) error { return compatMetrics(ctx, t, l, a.last("metrics")) }
	case a.has("savepoint"):
		return func(l book) error {
			_, err := wish(ctx, l, a.last("savepoint"), state.WantSavepoint)
			return err
		}
	}
	return nil
}
