package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/doctor"
)

func doctorCommand(t *terminal) *cobra.Command {
	var home, role string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether a node and its cluster are well, and say what to change",
		Long: "Doctor looks at the configuration and who may read it, the cluster key, certificates, ports, names, disks and their speed, the\n" +
			"storage of checkpoints and backups, limits, and, when nodes run, whether they agree on who is there, on the time and on the\n" +
			"version, and who has a vote. It writes a few small files, which it removes. It works as any user and says what it could not\n" +
			"look at.\n\nExit codes: 0 all is well, 1 there are warnings, 2 there are problems.",
		Example: "  seikan doctor\n  seikan doctor -o json | jq '.findings[] | select(.level == \"problem\")'",
		Args:    cobra.NoArgs,
	}
	output := outputFlag(c)
	all := c.Flags().Bool("all", false, "also print what is well")
	c.Flags().StringVar(&home, "home", "", "`DIR` in place of $SEATUNNEL_HOME")
	c.Flags().StringVarP(&role, "role", "r", "", "master, worker or master_and_worker (default master_and_worker)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		findings, err := examine(c.Context(), t, config.Options{Home: home, Role: config.Role(role)})
		if err != nil {
			return err
		}
		if *output == "json" {
			err = printJSON(t, map[string]any{"findings": findings, "exit_code": doctor.Worst(findings)})
		} else {
			_, err = fmt.Fprint(t.out, diagnosis(findings, *all))
		}
		if code := doctor.Worst(findings); err == nil && code != 0 {
			err = coded{code: code}
		}
		return err
	}
	return c
}

// examine gathers facts and judges them. Where the files of a node are not readable, the cluster
// is looked at as its clients do.
func examine(ctx context.Context, t *terminal, o config.Options) ([]doctor.Finding, error) {
	o.Executable = t.executable()
	o = asUnit(o)
	cfg, problems := config.Load(o)
	look := doctor.Look{Config: cfg, Files: cfg.Files, Problems: problems, Version: Version}
	for _, f := range cfg.Files {
		r, err := os.Open(f.Path)
		if err == nil {
			_ = r.Close()
		} else if errors.Is(err, fs.ErrPermission) {
			o.Role = config.Client
			look.Config, _ = config.Load(o)
			break
		}
	}
	findings := doctor.Examine(doctor.Gather(ctx, look))
	return findings, ctx.Err()
}

// diagnosis is what people read: what is not well, with what to do; the rest as a count.
func diagnosis(all []doctor.Finding, everything bool) string {
	var b strings.Builder
	count := map[doctor.Level]int{}
	for _, f := range all {
		count[f.Level]++
		if f.Level == doctor.Good && !everything {
			continue
		}
		fmt.Fprintf(&b, "%-8s %s: %s: %s\n", strings.ToUpper(string(f.Level)), f.Check, f.Where, f.Found)
		if f.Expected != "" {
			fmt.Fprintf(&b, "         expected: %s\n", f.Expected)
		}
		if f.Do != "" {
			fmt.Fprintf(&b, "         do: %s\n", f.Do)
		}
	}
	fmt.Fprintf(&b, "%d looked at and well, %d warnings, %d problems, %d could not be looked at\n", count[doctor.Good], count[doctor.Warning], count[doctor.Problem], count[doctor.Unknown])
	return b.String()
}
