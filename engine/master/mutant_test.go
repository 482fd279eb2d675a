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
	mutantLateRename
	mutantLateRecover
	mutantForgotten
	mutantSaveModeTwice
	mutantOldAttempt
	mutantOldManifest
	mutantNoFence
	mutantStartedTwice
	mutantLeaseFromReceipt
	mutantLeaseRevived
	mutantUnconfirmed
	mutantUnknownNode
	mutantAnyIncarnation
	mutantPastIncarnation
	mutantLateChain
)

var mutants = []struct {
	mutant mutant
	what   string
}{
	{mutantNoLeaseWait, "the master places tasks again after a quarter of the lease"},
	{mutantNotGone, "a failed attempt is followed at once, whatever still runs"},
	{mutantOrderUnacknowledged, "an order on its way is not waited for"},
	{mutantEarlyCommit, "commits are sent before the row"},
	{mutantDropOnAbort, "an abort drops what is prepared"},
	{mutantNumberReused, "the number of an aborted checkpoint is given out again"},
	{mutantStaleEpoch, "a worker obeys a master that has been replaced"},
	{mutantLateOrder, "a worker obeys an order that a newer one has overtaken"},
	{mutantDeposedWrites, "the store takes writes of a deposed master"},
	{mutantBlindRetry, "a write of unknown outcome is sent again without its guards"},
	{mutantLateRename, "a rename by an old attempt has an effect of its own"},
	{mutantLateRecover, "an old attempt clears up the work of a newer one"},
	{mutantForgotten, "a manifest leaves out commits of earlier checkpoints"},
	{mutantSaveModeTwice, "a save mode runs again though its row is there"},
	{mutantOldAttempt, "a task of an old attempt is adopted"},
	{mutantOldManifest, "a restore begins at an old checkpoint"},
	{mutantNoFence, "a ledger does not look at the attempt"},
	{mutantStartedTwice, "a stopped task is started again under its number"},
	{mutantLeaseFromReceipt, "a worker counts its lease from receiving the order"},
	{mutantLeaseRevived, "an order revives a lease that has run out"},
	{mutantUnconfirmed, "a master renews leases without proving that it is one"},
	{mutantUnknownNode, "a worker not known at the last decision is ordered to run nothing"},
	{mutantAnyIncarnation, "tasks of a node's last incarnation are ordered from this one"},
	{mutantPastIncarnation, "a late word of a dead process counts"},
	{mutantLateChain, "a chain that comes late does not hear of the barrier under way"},
}

// TestTheSimulationFindsEachMutant: a simulation that finds nothing proves nothing.
func TestTheSimulationFindsEachMutant(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(mutantSeeds) {
				if problem := newWorld(seed, m.mutant).run(); problem != "" {
					t.Logf("seed %d: %s", seed, problem)
					return
				}
			}
			t.Errorf("not found in %d seeds", mutantSeeds)
		})
	}
}

const mutantSeeds = 3000
