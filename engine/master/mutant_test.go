package master

import "testing"

// The bugs that the simulation must find; see where each constant is looked at.
const (
	mutantNone mutant = iota
	mutantNoLeaseWait
	mutantNotGone
	mutantOrderUnacknowledged
	mutantEarlyCommit
	mutantDropOnAbort
	mutantNumberReused
	mutantStaleEpoch
	mutantLateOrder
	mutantDeposedWrites
	mutantBlindRetry
	mutantLateRecord
	mutantLateRename
	mutantLateRecover
	mutantForgotten
	mutantSaveModeTwice
	mutantOldAttempt
	mutantOldManifest
	mutantNoFence
	mutantStartedTwice
	mutantLeaseFromReceipt
	mutantLeaseIgnored
	mutantUnconfirmed
	mutantUnknownNode
	mutantAnyIncarnation
	mutantPastIncarnation
	mutantLateChain
)

var mutants = []struct {
	mutant mutant
	what   string
	seed   uint64
}{
	{mutantNoLeaseWait, "the master places tasks again after a quarter of the lease", 999999},
	{mutantNotGone, "a failed attempt is followed at once, whatever still runs", 999999},
	{mutantOrderUnacknowledged, "an order on its way is not waited for", 999999},
	{mutantEarlyCommit, "commits are sent before the row", 999999},
	{mutantDropOnAbort, "an abort drops what is prepared", 999999},
	{mutantNumberReused, "the number of an aborted checkpoint is given out again", 999999},
	{mutantStaleEpoch, "a worker obeys a master that has been replaced", 999999},
	{mutantLateOrder, "a worker obeys an order that a newer one has overtaken", 999999},
	{mutantDeposedWrites, "the store takes writes of a deposed master", 999999},
	{mutantBlindRetry, "a write of unknown outcome is sent again without its guards", 999999},
	{mutantLateRecord, "a checkpoint is recorded behind a later one", 999999},
	{mutantLateRename, "a rename by an old attempt has an effect of its own", 999999},
	{mutantLateRecover, "an old attempt clears up the work of a newer one", 999999},
	{mutantForgotten, "a manifest leaves out commits of earlier checkpoints", 999999},
	{mutantSaveModeTwice, "a save mode runs again though its row is there", 999999},
	{mutantOldAttempt, "a task of an old attempt is adopted", 999999},
	{mutantOldManifest, "a restore begins at an old checkpoint", 999999},
	{mutantNoFence, "a ledger does not look at the attempt", 999999},
	{mutantStartedTwice, "a stopped task is started again under its number", 999999},
	{mutantLeaseFromReceipt, "a worker counts its lease from receiving the order", 999999},
	{mutantLeaseIgnored, "a worker goes on when its lease has run out", 999999},
	{mutantUnconfirmed, "a master renews leases without proving that it is one", 999999},
	{mutantUnknownNode, "a worker not known at the last decision is ordered to run nothing", 999999},
	{mutantAnyIncarnation, "tasks of a node's last incarnation are ordered from this one", 999999},
	{mutantPastIncarnation, "a late word of a dead process counts", 999999},
	{mutantLateChain, "a chain that comes late does not hear of the barrier under way", 999999},
}

// TestTheSimulationFindsEachMutant: a simulation that finds nothing proves nothing. Each has the
// seed that found it last, which is tried first.
func TestTheSimulationFindsEachMutant(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			if newWorld(m.seed, m.mutant).run() != "" {
				return
			}
			for seed := range uint64(mutantSeeds) {
				if problem := newWorld(seed, m.mutant).run(); problem != "" {
					t.Logf("seed %d finds it now: %s", seed, problem)
					return
				}
			}
			t.Errorf("not found in %d seeds", mutantSeeds)
		})
	}
}

const mutantSeeds = 6000
