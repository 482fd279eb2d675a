// Package jdbc reads and writes tables of SQL databases: the Jdbc source and sink. What one
// database does differently from another stands in its dialect, one file each.
package jdbc

import (
	"seikan/engine/option"
	"seikan/engine/plugin"
)

func init() {
	plugin.RegisterSource(&plugin.SourceFactory{Spec: sourceSpec(), New: newSource})
	plugin.RegisterSink(&plugin.SinkFactory{Spec: sinkSpec(), Guarantee: guarantee, MultiTable: true, New: newSink})
}

var connectionOptions = []option.Option{
	{Key: "url", Doc: "JDBC URL of the database.", Example: "jdbc:sqlite:/data/shop.db"},
	{Key: "driver", Doc: "Java driver class. Accepted and not used: the URL tells the database.", Example: "org.sqlite.JDBC"},
	{Key: "user", Old: []string{"username"}, Doc: "User name."},
	{Key: "password", Sensitive: true, Doc: "Password."},
	{Key: "properties", Type: option.Map, Doc: "Driver properties. SQLite: pragmas such as cache_size or foreign_keys."},
	{Key: "connection_check_timeout_sec", Type: option.Int, Default: int64(30), Min: 1, Max: 86400, Doc: "Seconds to wait for a connection."},
	{Key: "compatible_mode", Doc: "Dialect of a database that speaks several."},
	{Key: "use_kerberos", Type: option.Bool, Default: false, Doc: "Hive only; not used."},
	{Key: "kerberos_principal", Doc: "Hive only; not used."},
	{Key: "kerberos_keytab_path", Doc: "Hive only; not used."},
	{Key: "krb5_path", Doc: "Hive only; not used."},
}

var tableOptions = []option.Option{
	{Key: "table_path", Doc: "Table to read, with database and schema where the database has them.", Example: "main.orders"},
	{Key: "query", Doc: "SELECT statement to read instead of the whole table."},
	{Key: "partition_column", Doc: "Column whose ranges are read in parallel; the primary key when absent."},
	{Key: "partition_num", Type: option.Int, Min: 1, Max: 1 << 20, Doc: "Number of ranges when query and partition_column are given; 10 when absent."},
	{Key: "partition_lower_bound", Doc: "Least value of partition_column to read; the table's when absent."},
	{Key: "partition_upper_bound", Doc: "Greatest value of partition_column to read; the table's when absent."},
}

func sourceSpec() *option.Spec {
	s := &option.Spec{
		Name:    "Jdbc",
		Summary: "Reads tables and queries of SQL databases.",
		Doc: "Large tables are cut into ranges of a key that are read in parallel. Rows whose key is null are read too. " +
			"Inside a range rows come in the order of the key, so that reading goes on where it stopped. " +
			"A query whose rows have no key (a view, a join, a group) has no such order unless partition_column names one: it starts again after a failure.\n\n" +
			"This build speaks SQLite (`jdbc:sqlite:<file>`).",
		Rules: []option.Rule{option.Required("url")},
		Example: `Jdbc {
  url = "jdbc:sqlite:/data/shop.db"
  driver = "org.sqlite.JDBC"
  table_path = "orders"
}`,
	}
	return s.With(connectionOptions).With(tableOptions).With([]option.Option{
		{Key: "table_list", Type: option.Objects, Fields: tableOptions, Doc: "Several tables, each with the options of a single one."},
		{Key: "where_condition", Doc: "Condition on every table; starts with where.", Example: "where id > 100"},
		{Key: "split.size", Type: option.Int, Default: int64(8096), Min: 1, Max: 1 << 30, Doc: "Rows of a range."},
		{Key: "split.even-distribution.factor.upper-bound", Type: option.Double, Default: 100.0, Doc: "Most key values per row for ranges of equal width."},
		{Key: "split.even-distribution.factor.lower-bound", Type: option.Double, Default: 0.05, Doc: "Fewest key values per row for ranges of equal width."},
		{Key: "split.sample-sharding.threshold", Type: option.Int, Default: int64(1000), Min: 1, Max: 1 << 30, Doc: "Ranges from which on bounds are found by sampling."},
		{Key: "split.inverse-sampling.rate", Type: option.Int, Default: int64(1000), Min: 1, Max: 1 << 30, Doc: "One of how many key values is sampled."},
		{Key: "use_select_count", Type: option.Bool, Default: false, Doc: "Count rows instead of asking the database's statistics."},
		{Key: "skip_analyze", Type: option.Bool, Default: false, Doc: "Do not refresh the statistics first."},
		{Key: "fetch_size", Type: option.Int, Default: int64(0), Doc: "Rows a round trip; not used by SQLite."},
		{Key: "decimal_type_narrowing", Type: option.Bool, Default: true, Doc: "Oracle only; not used."},
	})
}

func sinkSpec() *option.Spec {
	s := &option.Spec{
		Name:    "Jdbc",
		Summary: "Writes tables of SQL databases.",
		Doc: "With is_exactly_once every transaction also keeps the position of its rows in a ledger table of the target, " +
			"so that no XA is needed and no transaction waits for a checkpoint.\n\n" +
			"With a key, +I and +U are upserts, -D deletes and -U is skipped. Without a key every row is inserted.\n\n" +
			"This build speaks SQLite (`jdbc:sqlite:<file>`). SQLite has one database a file: the database's name is not used.",
		Rules: []option.Rule{
			option.Required("url"),
			option.RequiredIf("data_save_mode", []string{customProcessing}, "custom_sql"),
		},
		Example: `Jdbc {
  url = "jdbc:sqlite:/data/shop.db"
  driver = "org.sqlite.JDBC"
  generate_sink_sql = true
  table = "orders"
  primary_keys = ["id"]
}`,
	}
	return s.With(connectionOptions).With([]option.Option{
		{Key: "query", Doc: "Statement to run for each row, with ? for the columns in order or :column.", Example: "insert into t (id, name) values (:id, :name)"},
		{Key: "generate_sink_sql", Type: option.Bool, Default: false, Doc: "Make the statements from the table's columns and key."},
		{Key: "database", Default: "${database_name}", Doc: "Database to write to."},
		{Key: "table", Default: "${table_name}", Doc: "Table to write to, or schema.table."},
		{Key: "tablePrefix", Doc: "Put before the table's name."},
		{Key: "tableSuffix", Doc: "Put after the table's name."},
		{Key: "primary_keys", Type: option.List, Doc: "Key columns; those of the input table when absent."},
		{Key: "enable_upsert", Type: option.Bool, Default: true, Doc: "Write +I and +U as upserts; false: as INSERT and UPDATE."},
		{Key: "support_upsert_by_query_primary_key_exist", Type: option.Bool, Default: false, Doc: "For databases without upsert; not used by SQLite."},
		{Key: "support_upsert_by_insert_only", Type: option.Bool, Default: false, Doc: "Write +I and +U as plain INSERT."},
		{Key: "is_primary_key_updated", Type: option.Bool, Default: true, Doc: "Accepted; an update never changes the key it was found by."},
		{Key: "use_copy_statement", Type: option.Bool, Default: false, Doc: "Postgres COPY; not used by SQLite."},
		{Key: "batch_size", Type: option.Int, Default: int64(1000), Min: 1, Max: 1 << 30, Doc: "Rows after which a transaction is committed; up to 16384 when absent."},
		{Key: "max_retries", Type: option.Int, Default: int64(0), Min: 0, Max: 1000, Doc: "How often a transaction that could not get its locks is tried again. Must be 0 with is_exactly_once."},
		{Key: "is_exactly_once", Type: option.Bool, Default: false, Doc: "Keep positions in the target's ledger table."},
		{Key: "ledger_table", Default: "seikan_ledger", Doc: "Name of the ledger table; it is created when missing."},
		{Key: "xa_data_source_class_name", Doc: "Accepted and not used: exactly-once needs no XA."},
		{Key: "max_commit_attempts", Type: option.Int, Default: int64(3), Doc: "Accepted and not used: there is no second phase."},
		{Key: "transaction_timeout_sec", Type: option.Int, Default: int64(-1), Doc: "Accepted and not used: no transaction outlives a write."},
		{Key: "auto_commit", Type: option.Bool, Default: true, Doc: "Accepted and not used: rows are written in transactions."},
		{Key: "field_ide", Type: option.Enum, Choices: []string{"ORIGINAL", "UPPERCASE", "LOWERCASE"}, Default: "ORIGINAL", Doc: "Case of the names of tables and columns."},
		{Key: "create_index", Type: option.Bool, Default: true, Doc: "Create the input table's indexes with the table."},
		{Key: "schema_save_mode", Type: option.Enum, Default: createWhenNotExist, Choices: []string{recreateSchema, createWhenNotExist, errorWhenNotExist, ignoreSchema}, Doc: "What to do with the table before the job starts; only with generate_sink_sql."},
		{Key: "data_save_mode", Type: option.Enum, Default: appendData, Choices: []string{dropData, appendData, customProcessing, errorWhenDataExists}, Doc: "What to do with its rows before the job starts; only with generate_sink_sql."},
		{Key: "custom_sql", Doc: "SQL to run with data_save_mode CUSTOM_PROCESSING."},
		{Key: "multi_table_sink_replica", Type: option.Int, Default: int64(1), Min: 1, Max: 1024, Doc: "Writers a table and subtask."},
	})
}
