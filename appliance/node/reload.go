package node

import (
	"context"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"

	"seikan/appliance/config"
)

// live are the settings that a running node takes over; of one that ends in a dot everything below.
var live = []string{
	"seatunnel.seikan.logs.level", "seatunnel.seikan.logs.max-bytes", "seatunnel.seikan.logs.max-total-bytes", "seatunnel.seikan.logs.max-age-days", "seatunnel.seikan.logs.max-files",
	"seatunnel.seikan.max-body-bytes", "seatunnel.seikan.state.", "seatunnel.engine.http.context-path", "hazelcast.network.rest-api.",
	"hazelcast.member-attributes.", membersKey, certificateKey + "cert", certificateKey + "key",
}

const (
	membersKey     = "hazelcast.network.join.tcp-ip.member-list"
	certificateKey = "seatunnel.seikan.tls."
)

// concerns says whether a setting means anything to a node that runs.
func concerns(key string) bool {
	return !strings.HasPrefix(key, "file ") && !strings.HasPrefix(key, "hazelcast-client.")
}

func isLive(key string) bool {
	return slices.ContainsFunc(live, func(l string) bool { return key == l || strings.HasSuffix(l, ".") && strings.HasPrefix(key, l) })
}

func settingsOf(c *config.Config) map[string]string {
	out := map[string]string{}
	for _, s := range c.Explain() {
		if concerns(s.Key) {
			out[s.Key] = s.Value
		}
	}
	return out
}

// Reloaded is what became of a new configuration.
type Reloaded struct {
	Applied []string // settings that are in force now
	Restart []string // settings that are in force after a restart, and why where that is not plain
}

// Reload takes over what it can of a configuration while the node runs. An error means that nothing
// was changed. It is for one caller at a time.
func (s *Server) Reload(ctx context.Context, cfg *config.Config) (Reloaded, error) {
	var out Reloaded
	secured := s.own != nil && cfg.TLS.Cert != "" // switching TLS on or off needs a restart
	if secured {
		renewed, err := s.own.read(cfg.TLS) // it may be a new one in the same files
		if err != nil {
			return out, err
		}
		if renewed {
			out.Applied = append(out.Applied, "the certificate of "+strings.TrimSuffix(certificateKey, "."))
		}
	}
	for key, value := range changed(s.settings, settingsOf(cfg)) {
		if isLive(key) && (secured || !strings.HasPrefix(key, certificateKey)) {
			out.Applied = append(out.Applied, key)
			s.settings[key] = value
		} else {
			out.Restart = append(out.Restart, key)
		}
	}
	for key, differ := range map[string]bool{ // what Explain masks
		"seatunnel.engine.checkpoint.storage": !reflect.DeepEqual(s.cfg.Checkpoint.Storage, cfg.Checkpoint.Storage),
		"hazelcast.map":                       !reflect.DeepEqual(s.cfg.MapStore, cfg.MapStore),
	} {
		if differ && !slices.ContainsFunc(out.Restart, func(k string) bool { return strings.HasPrefix(k, key) }) {
			out.Restart = append(out.Restart, key+" (a secret of it)")
		}
	}
	if s.logs != nil {
		s.logs.Reconfigure(cfg.Logs)
	}
	if slices.ContainsFunc(out.Applied, func(k string) bool { return strings.HasPrefix(k, "hazelcast.member-attributes.") }) {
		s.tags.set(cfg.Tags)
	}
	if slices.Contains(out.Applied, membersKey) {
		s.guard.SetMembers(memberTexts(cfg.Network.Members))
		s.listed.set(cfg.Network.Members)
		if s.bindHost != "" && s.alone && !config.OnlyThisHost(config.Resolve(ctx, net.DefaultResolver, cfg.Network.Members), localAddresses()) {
			out.Restart = append(out.Restart, "bind-address: this node listens on "+s.bindHost+" alone, where other hosts do not reach it")
		}
	}
	s.figures.size.limits.Store(&cfg.State)
	s.handle(cfg)
	slices.Sort(out.Applied)
	slices.Sort(out.Restart)
	return out, nil
}

// changed are the settings of b that differ from a, with their new values; "" for those that are gone.
func changed(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for key := range a {
		if _, ok := b[key]; !ok {
			out[key] = ""
		}
	}
	for key, value := range b {
		if old, ok := a[key]; !ok || old != value {
			out[key] = value
		}
	}
	return out
}

// memberList is the member list as last read.
type memberList struct {
	mu   sync.Mutex
	list []config.Member
	over context.CancelFunc // of the context that watch gave
}

// watch gives the list and a context that ends when there is another.
func (l *memberList) watch(ctx context.Context) (context.Context, []config.Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		l.over()
	}
	ctx, l.over = context.WithCancel(ctx)
	return ctx, slices.Clone(l.list)
}

func (l *memberList) set(list []config.Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = list
	if l.over != nil {
		l.over()
	}
}
