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
	mutantOfflineCounts
	mutantFailedUnsettled
	mutantAbruptMove
	mutantMoveReadsOn
	mutantUnacknowledged
)

var mutants = []struct {
	mutant mutant
	what   string
	seed   uint64
}{
	{mutantNoLeaseWait, "the master places tasks again after a quarter of the lease", 72},
	{mutantNotGone, "a failed attempt is followed at once, whatever still runs", 26},
	{mutantOrderUnacknowledged, "an order on its way is not waited for", 209},
	{mutantEarlyCommit, "commits are sent before the row", 10},
	{mutantDropOnAbort, "an abort drops what is prepared", 20},
	{mutantNumberReused, "the number of an aborted checkpoint is given out again", 2},
	{mutantStaleEpoch, "a worker obeys a master that has been replaced", 8},
	{mutantLateOrder, "a worker obeys an order that a newer one has overtaken", 0},
	{mutantDeposedWrites, "the store takes writes of a deposed master", 143},
	{mutantBlindRetry, "a write of unknown outcome is sent again without its guards", 93},
	{mutantLateRecord, "a checkpoint is recorded behind a later one", 424},
	{mutantLateRename, "a rename by an old attempt has an effect of its own", 69},
	{mutantLateRecover, "an old attempt clears up the work of a newer one", 92},
	{mutantForgotten, "a manifest leaves out commits of earlier checkpoints", 451},
	{mutantSaveModeTwice, "a save mode runs again though its row is there", 3},
	{mutantOldAttempt, "a task of an old attempt is adopted", 24},
	{mutantOldManifest, "a restore begins at an old checkpoint", 53},
	{mutantNoFence, "a ledger does not look at the attempt", 24},
	{mutantStartedTwice, "a stopped task is started again under its number", 3},
	{mutantLeaseFromReceipt, "a worker counts its lease from receiving the order", 43},
	{mutantLeaseIgnored, "a worker goes on when its lease has run out", 19},
	{mutantUnconfirmed, "a master renews leases without proving that it is one", 402},
	{mutantUnknownNode, "a worker not known at the last decision is ordered to run nothing", 8},
	{mutantAnyIncarnation, "tasks of a node's last incarnation are ordered from this one", 5},
	{mutantPastIncarnation, "a late word of a dead process counts", 29},
	{mutantLateChain, "a chain that comes late does not hear of the barrier under way", 2},
	{mutantOfflineCounts, "a lost node counts towards job.retry.times", 5},
	{mutantFailedUnsettled, "a failed job does not finish what its checkpoints owe", 301},
	{mutantAbruptMove, "a pipeline leaves a drained node without a checkpoint", 7},
	{mutantMoveReadsOn, "readers go on behind the barrier of a move", 7},
	{mutantUnacknowledged, "the last commits of an attempt are not acknowledged", 0},
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
					t.Logf("%s: seed %d finds it now: %s", m.what, seed, problem)
					return
				}
			}
			t.Errorf("not found in %d seeds", mutantSeeds)
		})
	}
}

const mutantSeeds = 6000
