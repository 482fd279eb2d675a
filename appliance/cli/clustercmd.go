package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/node"
)

func clusterCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "cluster",
		Short: "Look at a cluster and change its membership",
		Example: "  seikan cluster status\n" +
			"  seikan cluster transfer                     # another node becomes master; no task stops\n" +
			"  seikan cluster remove 10.0.0.3:5801         # a node that does not come back\n" +
			"  seikan cluster bootstrap --at 10.0.0.1:5801 # form the cluster without listed nodes that are silent",
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	p, output := placeFlags(c), outputFlag(c)
	c.AddCommand(&cobra.Command{Use: "status", Short: "Show the nodes, who is master and who has a vote", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return showStatus(c.Context(), t, *p, *output) }})
	command := func(use, short, method, done string, args cobra.PositionalArgs) {
		c.AddCommand(&cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
			var q node.NodeQuestion
			if len(args) > 0 {
				q.Node = args[0]
			}
			if err := ask(c.Context(), t, *p, method, q, nil); err != nil {
				return err
			}
			return said(t, *output, done)
		}})
	}
	command("join HOST:PORT", "Take the node --at into the cluster that answers at an address", "cluster.join", "the node has joined", exactlyOne("an address"))
	command("bootstrap", "Form a new cluster at the node --at without waiting for silent nodes", "cluster.bootstrap", "the node forms a cluster", cobra.NoArgs)
	c.AddCommand(&cobra.Command{Use: "transfer [NODE]", Short: "Make another node, or the one named, master", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return transfer(c.Context(), t, *p, args, *output) }})
	var force bool
	remove := &cobra.Command{Use: "remove NODE", Short: "Remove a node, by id or address, that does not come back", Args: exactlyOne("a node's id or address"),
		RunE: func(c *cobra.Command, args []string) error {
			return remove(c.Context(), t, *p, args[0], force, *output)
		}}
	remove.Flags().BoolVar(&force, "force", false, "also a node that answers")
	c.AddCommand(remove)
	c.AddCommand(recoverCommand(t, output))
	return c
}

// said prints that something is done.
func said(t *terminal, output, what string) error {
	if output == "json" {
		return printJSON(t, map[string]string{"result": what})
	}
	fmt.Fprintln(t.out, what)
	return nil
}

// theNode finds a node by id or address.
func theNode(ctx context.Context, t *terminal, p place, name string) (node.NodeStatus, error) {
	var s node.ClusterStatus
	if err := ask(ctx, t, p, "cluster.status", struct{}{}, &s); err != nil {
		return node.NodeStatus{}, err
	}
	for _, n := range s.Nodes {
		if n.ID == name || n.Addr == name {
			return n, nil
		}
	}
	return node.NodeStatus{}, coded{exitNotFound, fmt.Errorf("there is no node %q in cluster %s; seikan node list shows them", name, s.Name)}
}

func transfer(ctx context.Context, t *terminal, p place, args []string, output string) error {
	var q node.NodeQuestion
	if len(args) > 0 {
		n, err := theNode(ctx, t, p, args[0])
		switch {
		case err != nil:
			return err
		case n.Master:
			return said(t, output, "node "+args[0]+" is the master already")
		case !n.Voter:
			return fmt.Errorf("node %s cannot be master: it has no vote (it is a worker, or others keep the state; see seikan cluster status)", args[0])
		}
		q.Node = n.ID
	}
	if err := ask(ctx, t, p, "cluster.transfer", q, nil); err != nil {
		return err
	}
	return said(t, output, "another node is master now")
}

func remove(ctx context.Context, t *terminal, p place, name string, force bool, output string) error {
	n, err := theNode(ctx, t, p, name)
	switch {
	case err != nil:
		return err
	case n.Reachable && !force:
		return fmt.Errorf("node %s answers, and would join again: stop it first, or say --force", name)
	}
	if err := ask(ctx, t, p, "cluster.remove", node.NodeQuestion{Node: n.ID}, nil); err != nil {
		return err
	}
	return said(t, output, "the node is removed")
}

// ask puts one question to the cluster.
func ask(ctx context.Context, t *terminal, p place, method string, question, answer any) error {
	c, _, err := t.dial(ctx, p, slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		return err
	}
	return c.Ask(ctx, method, question, answer)
}

func showStatus(ctx context.Context, t *terminal, p place, output string) error {
	var s node.ClusterStatus
	if err := ask(ctx, t, p, "cluster.status", struct{}{}, &s); err != nil {
		return err
	}
	if output == "json" {
		return printJSON(t, s)
	}
	fmt.Fprintf(t.out, "cluster %s (%s)\n", s.Name, s.ID)
	printNodes(t, s.Nodes)
	for _, w := range s.Warnings {
		fmt.Fprintln(t.err, "warning:", w)
	}
	return nil
}

func printNodes(t *terminal, nodes []node.NodeStatus) {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tROLE\tSTATE\tVOTE\tTASKS\tSLOTS\tVERSION\tTAGS\tID")
	for _, n := range nodes {
		state, vote, slots := "there", "no", "dynamic"
		switch {
		case !n.Reachable:
			state = "silent"
		case n.Draining:
			state = "draining"
		}
		if n.Master {
			state += ", master"
		}
		if n.Voter {
			vote = "yes"
		}
		if n.Slots > 0 {
			slots = fmt.Sprint(n.Slots)
		}
		var tags []string
		for _, k := range slices.Sorted(maps.Keys(n.Tags)) {
			tags = append(tags, k+"="+n.Tags[k])
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", n.Addr, n.Role, state, vote, n.SlotsUsed, slots, n.Version, strings.Join(tags, ","), n.ID)
	}
	_ = w.Flush() // as with every other print: a closed pipe is the reader's affair
}

func nodeCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "node", Short: "Look at the nodes of a cluster, drain or tag one", Args: knownCommand,
		Example: "  seikan node list\n  seikan node drain 10.0.0.3:5801\n  seikan node tags 10.0.0.3:5801 team=red zone=a",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() }}
	p, output := placeFlags(c), outputFlag(c)
	c.AddCommand(&cobra.Command{Use: "list", Short: "List the nodes", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		var s node.ClusterStatus
		if err := ask(c.Context(), t, *p, "cluster.status", struct{}{}, &s); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(t, s.Nodes)
		}
		printNodes(t, s.Nodes)
		return nil
	}})
	var off bool
	drain := &cobra.Command{Use: "drain NODE", Short: "Move the tasks of a node elsewhere and give it no new ones", Args: exactlyOne("a node's id or address"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := ask(c.Context(), t, *p, "node.drain", node.NodeQuestion{Node: args[0], On: !off}, nil); err != nil {
				return err
			}
			word := "takes no more tasks, and those it has go on elsewhere"
			if off {
				word = "takes tasks again"
			}
			return said(t, *output, fmt.Sprintf("node %s %s", args[0], word))
		}}
	drain.Flags().BoolVar(&off, "off", false, "let the node take tasks again")
	tags := &cobra.Command{Use: "tags NODE [KEY=VALUE…]", Short: "Replace the tags of a node, until it is started again", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			q := node.NodeQuestion{Node: args[0], Tags: map[string]string{}}
			for _, a := range args[1:] {
				k, v, ok := strings.Cut(a, "=")
				if !ok || k == "" {
					return coded{exitUsage, fmt.Errorf("tag %q: expected key=value", a)}
				}
				q.Tags[k] = v
			}
			if err := ask(c.Context(), t, *p, "node.tags", q, nil); err != nil {
				return err
			}
			if len(args) == 1 {
				return said(t, *output, fmt.Sprintf("node %s has no tags", args[0]))
			}
			return said(t, *output, fmt.Sprintf("node %s has the tags %s", args[0], strings.Join(args[1:], " ")))
		}}
	c.AddCommand(drain, tags)
	return c
}

// recoverCommand is for a cluster whose majority is gone for good.
func recoverCommand(t *terminal, output *string) *cobra.Command {
	var home string
	var sure bool
	c := &cobra.Command{
		Use:   "recover",
		Short: "Make the stopped node of this host the only voter, when the majority is lost for good",
		Long: "Recover is for a cluster that has lost the disks of the majority of its voters. Run it on the surviving node with the\n" +
			"newest state while that node is stopped. When it is started again it is a cluster of one; the others join it with empty\n" +
			"state directories. What only the lost disks held is lost. Never do this while a lost node may come back: two clusters\n" +
			"would run the same jobs.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !sure {
				return coded{exitUsage, errors.New("this gives up what only the lost nodes held; say --the-others-are-gone when they will never come back")}
			}
			cfg, ok := t.loadConfig(asUnit(config.Options{Home: home, Executable: t.executable()}))
			if !ok {
				return coded{code: exitConfig}
			}
			if err := ownState(cfg.StateDir); err != nil {
				return err
			}
			addr, err := node.Recover(cfg)
			if err != nil {
				return err
			}
			return said(t, *output, fmt.Sprintf("when the node at %s is started it is a cluster of one. Remove the state directories of all others before they are started.", addr))
		},
	}
	c.Flags().StringVar(&home, "home", "", "`DIR` in place of $SEATUNNEL_HOME")
	c.Flags().BoolVar(&sure, "the-others-are-gone", false, "the other voters will never come back")
	return c
}
