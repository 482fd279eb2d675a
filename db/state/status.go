package state

// Status of a job, spelt as SeaTunnel spells it.
type Status string

const (
	Initializing   Status = "INITIALIZING" // just received
	Created        Status = "CREATED"      // the plan is made
	Pending        Status = "PENDING"      // waits for slots
	Scheduled      Status = "SCHEDULED"    // slots are found
	Running        Status = "RUNNING"
	Failing        Status = "FAILING" // a pipeline failed for good, the others are being cancelled
	Failed         Status = "FAILED"
	DoingSavepoint Status = "DOING_SAVEPOINT"
	SavepointDone  Status = "SAVEPOINT_DONE"
	Canceling      Status = "CANCELING"
	Canceled       Status = "CANCELED"
	Finished       Status = "FINISHED"
	Unknowable     Status = "UNKNOWABLE" // the answer for a job that nobody knows; never stored
)

// Statuses are all of them.
var Statuses = []Status{
	Initializing, Created, Pending, Scheduled, Running, Failing, Failed,
	DoingSavepoint, SavepointDone, Canceling, Canceled, Finished, Unknowable,
}

// Ended says whether s is an end state. Only a restart leads out of one.
func (s Status) Ended() bool {
	switch s {
	case Failed, SavepointDone, Canceled, Finished, Unknowable:
		return true
	}
	return false
}

var forward = map[Status][]Status{
	Initializing:   {Created},
	Created:        {Pending},
	Pending:        {Scheduled, Running},
	Scheduled:      {Running},
	Running:        {Finished, DoingSavepoint},
	Failing:        {Failed},
	DoingSavepoint: {SavepointDone},
	Canceling:      {Canceled},
}

// CanMove says whether a job may go from one status to another. Staying is not a move.
func CanMove(from, to Status) bool {
	for _, s := range forward[from] {
		if s == to {
			return true
		}
	}
	if from.Ended() || from == to || !from.known() {
		return false
	}
	return to == Failing || to == Canceling
}

func (s Status) known() bool {
	for _, k := range Statuses {
		if s == k {
			return true
		}
	}
	return false
}

// Desired is what the user wants of a job.
type Desired string

const (
	WantRun       Desired = "RUN"
	WantCancel    Desired = "CANCEL"
	WantSavepoint Desired = "SAVEPOINT" // savepoint, then end
	WantStop      Desired = "STOP"      // end after the data that was read is written
)

// CanWant says whether a wish may be replaced by another: a job that is asked to end is not
// asked to run again, and CANCEL has the last word.
func CanWant(from, to Desired) bool {
	switch from {
	case WantRun:
		return to == WantCancel || to == WantSavepoint || to == WantStop
	case WantSavepoint, WantStop:
		return to == WantCancel
	}
	return false
}

// PipelineStatus is the status of one attempt of a pipeline.
type PipelineStatus string

const (
	PipelineInitializing PipelineStatus = "INITIALIZING"
	PipelineCreated      PipelineStatus = "CREATED"
	PipelineScheduled    PipelineStatus = "SCHEDULED"
	PipelineDeploying    PipelineStatus = "DEPLOYING"
	PipelineRunning      PipelineStatus = "RUNNING"
	PipelineFinished     PipelineStatus = "FINISHED"
	PipelineCanceling    PipelineStatus = "CANCELING"
	PipelineCanceled     PipelineStatus = "CANCELED"
	PipelineFailing      PipelineStatus = "FAILING"
	PipelineFailed       PipelineStatus = "FAILED"
)

// Ended says whether the attempt is over.
func (s PipelineStatus) Ended() bool {
	return s == PipelineFinished || s == PipelineCanceled || s == PipelineFailed
}
