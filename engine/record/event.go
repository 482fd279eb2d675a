package record

// Barrier asks everyone it passes to save what is needed to come back to this point.
type Barrier struct {
	Checkpoint int64
	Kind       BarrierKind
}

// BarrierKind is the kind of checkpoint a barrier takes, in SeaTunnel's words.
type BarrierKind string

const (
	Checkpoint     BarrierKind = "checkpoint"
	Savepoint      BarrierKind = "savepoint"       // readers stop behind it
	CompletedPoint BarrierKind = "completed-point" // the end of a bounded job
	SchemaBefore   BarrierKind = "schema-change-before-point"
	SchemaAfter    BarrierKind = "schema-change-after-point"
)

// Final reports whether no rows follow the barrier.
func (k BarrierKind) Final() bool { return k == Savepoint || k == CompletedPoint }

// SchemaChange says that rows of a table have another schema from here on.
type SchemaChange struct {
	Before, After *Schema
	Changes       []ColumnChange
	Statement     string // the source's own DDL, when there was one
}

// ChangeKind is what happened to a column.
type ChangeKind string

const (
	AddColumn    ChangeKind = "ADD_COLUMN"
	DropColumn   ChangeKind = "DROP_COLUMN"
	ModifyColumn ChangeKind = "MODIFY_COLUMN" // same name, other type or attributes
	RenameColumn ChangeKind = "CHANGE_COLUMN" // other name, perhaps other type too
)

// ColumnChange is one step of a SchemaChange.
type ColumnChange struct {
	Kind    ChangeKind
	OldName string // Drop, Modify, Rename
	Column  Column // Add, Modify, Rename
	After   string // Add: name of the column it follows, "" for the end
}

// Event is what travels in the queue between stages: exactly one member is set.
type Event struct {
	Batch   *Batch
	Barrier *Barrier
	Change  *SchemaChange
}

// Bytes is the event's share of a queue's byte budget.
func (e Event) Bytes() int64 {
	if e.Batch == nil {
		return 0
	}
	return e.Batch.Bytes + 256
}
