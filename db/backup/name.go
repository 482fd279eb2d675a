package backup

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"seikan/storage"
)

// Info is one backup. What follows ClusterID is known after its header was read (Inspect,
// Newest).
type Info struct {
	Name      string    // of the object
	Size      int64     // of the object, in bytes
	Seq       int64     // grows from backup to backup
	Taken     time.Time // by the clock of the node that took it
	ClusterID string    // incarnation of the cluster
	BaseSeq   int64     // 0: it stands alone; else it holds the pages that differ from that one

	Header
	// Passed says why newer backups were passed over.
	Passed []error
}

// Full says whether it stands alone.
func (i Info) Full() bool { return i.BaseSeq == 0 }

const (
	pageLimit = 1000 // names asked for at once
	maxSeq    = 999_999_999_999
)

var (
	nameRule    = regexp.MustCompile(`^(\d{12})-(\d{1,15})-([0-9A-Za-z_.]{1,64})(?:-(\d{12}))?\.snap$`)
	clusterRule = regexp.MustCompile(`^[^/\x00]{1,255}$`)
	idRule      = regexp.MustCompile(`^[0-9A-Za-z_.]{1,64}$`)
)

// folder is where the backups of a cluster lie: cluster is its name, or the clusterName of the
// map-store. SeaTunnel's own map-store has other folders beside it, one a map.
func folder(cluster string) string { return cluster + "/state/" }

func (i Info) name(cluster string) string {
	base := ""
	if !i.Full() {
		base = fmt.Sprintf("-%012d", i.BaseSeq)
	}
	return fmt.Sprintf("%s%012d-%d-%s%s.snap", folder(cluster), i.Seq, i.Taken.UnixMilli(), i.ClusterID, base)
}

// parseName reads what the name of an object tells; false when it is not one of ours.
func parseName(cluster string, o storage.Info) (Info, bool) {
	prefix := folder(cluster)
	if len(o.Name) < len(prefix) || o.Name[:len(prefix)] != prefix {
		return Info{}, false
	}
	m := nameRule.FindStringSubmatch(o.Name[len(prefix):])
	if m == nil {
		return Info{}, false
	}
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n } // digits, by the rule
	i := Info{Name: o.Name, Size: o.Size, Seq: number(m[1]), Taken: time.UnixMilli(number(m[2])).UTC(), ClusterID: m[3], BaseSeq: number(m[4])}
	return i, i.name(cluster) == o.Name
}

// List finds the backups of a cluster, the newest first, by their names alone. Other objects
// are left out.
func List(ctx context.Context, store storage.Store, cluster string) ([]Info, error) {
	if !clusterRule.MatchString(cluster) || cluster == "." || cluster == ".." {
		return nil, fmt.Errorf("list backups: %q cannot be the name of a cluster's folder", cluster)
	}
	var out []Info
	for after := ""; ; {
		page, err := store.List(ctx, folder(cluster), after, pageLimit)
		if err != nil {
			return nil, fmt.Errorf("list backups: %w", err)
		}
		for _, o := range page.Objects {
			if i, ok := parseName(cluster, o); ok {
				out = append(out, i)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	slices.SortFunc(out, newestFirst)
	return out, nil
}

func newestFirst(a, b Info) int {
	return cmp.Or(cmp.Compare(b.Seq, a.Seq), b.Taken.Compare(a.Taken), cmp.Compare(b.Name, a.Name))
}
